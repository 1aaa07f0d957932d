"""Describe the machine of a run."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil

_PACKAGES = ("uvloop", "httptools", "aiohttp", "msgspec")


def describe_machine() -> dict[str, str]:
    """Return the machine and the versions of the sending programs."""
    return {
        "processor": processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
    }


def processor() -> str:
    """Return the model of the processor."""
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
