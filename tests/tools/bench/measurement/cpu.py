"""Measure what processes cost, and keep them on a core."""

import os
from pathlib import Path

import psutil


def cpu_seconds(pid: int) -> float:
    """Return the CPU time so far of a process and its children, user and system."""
    process = psutil.Process(pid)
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        times = each.cpu_times()
        # Children that have ended count through whoever waited for them.
        total += times.user + times.system + times.children_user + times.children_system
    return total


def resident_bytes(pid: int) -> int:
    """Return how much memory a process and its children hold."""
    process = psutil.Process(pid)
    return sum(each.memory_info().rss for each in (process, *process.children(recursive=True)))


def usable_cores() -> list[int]:
    """Return the cores that this process may run on."""
    return sorted(os.sched_getaffinity(0))


def pin(pid: int, *cores: int) -> None:
    """Keep every thread of a process, and those it will start, on *cores*."""
    done: set[str] = set()
    # A thread that starts while we look has its parent's cores, old or new: look again.
    while new := {task.name for task in Path(f"/proc/{pid}/task").iterdir()} - done:
        for thread in new:
            try:
                os.sched_setaffinity(int(thread), cores)
            except ProcessLookupError:
                continue
        done |= new
