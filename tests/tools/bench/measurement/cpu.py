"""Measure CPU time and memory of processes, and pin them to cores."""

import os
from pathlib import Path

import psutil


def cpu_seconds(pid: int) -> float:
    """Return the CPU time so far of a process and its children, user and system."""
    process = psutil.Process(pid)
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        times = each.cpu_times()
        # Children that have ended count through the process that waited for them.
        total += times.user + times.system + times.children_user + times.children_system
    return total


def resident_bytes(pid: int) -> int:
    """Return the memory of a process and its children in bytes."""
    process = psutil.Process(pid)
    return sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))


def usable_cores() -> list[int]:
    """Return the cores that this process may run on."""
    return sorted(os.sched_getaffinity(0))


def pin(pid: int, *cores: int) -> None:
    """Pin every thread of a process, also later ones, to *cores*."""
    done: set[str] = set()
    # A thread that starts meanwhile has the cores of its parent, old or new: repeat.
    while new := {task.name for task in Path(f"/proc/{pid}/task").iterdir()} - done:
        for thread in new:
            try:
                os.sched_setaffinity(int(thread), cores)
            except ProcessLookupError:
                continue
        done |= new
