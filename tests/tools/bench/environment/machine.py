"""Describe the machine and the versions of a run."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

from tests.tools.load.machine import processor

_CLIENTS = ("aiohttp", "aiokafka", "cassandra-driver", "uvloop", "httptools", "msgspec")
_GIB = 1024**3


def describe_machine() -> dict[str, str]:
    """Return the properties of the machine by name."""
    return {
        "CPU": processor(),
        "cores": f"{len(os.sched_getaffinity(0))} of {os.cpu_count()}",
        "memory": f"{psutil.virtual_memory().total / _GIB:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
    }


def describe_versions(root: Path) -> dict[str, str]:
    """Return the versions of our processes' packages, and the commit of *root*."""
    versions = {"python": platform.python_version()}
    versions |= {name: version(name) for name in _CLIENTS}
    if commit := _commit(root):
        versions["commit"] = commit
    return versions


def _commit(root: Path) -> str:
    """Return the commit, marked if files differ from it; "" without a repository."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ("git", "-C", root, *arguments), capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        commit = git("rev-parse", "--short", "HEAD")
        changed = git("status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{commit} with changes" if changed else commit
