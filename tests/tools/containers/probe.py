"""Print what this container may do, as JSON. Runs inside it: ``python -c`` with this text."""

import errno
import json
import os
from pathlib import Path

_CAPABILITIES = ("CapEff", "CapPrm", "CapBnd", "CapAmb")
_FOLDERS = ("/", "/app", "/opt/venv", "/tmp", "/run", "/keys")  # noqa: S108 it is looked at
_LIMITS = {
    "memory": ("memory/memory.limit_in_bytes", "memory.max"),
    "pids": ("pids/pids.max", "pids.max"),
}
"""The files of cgroups, version 1 and 2."""


def _is_read_only(folder: str) -> bool:
    try:
        Path(folder, "probe").touch()
    except OSError as error:
        return error.errno == errno.EROFS
    return False


def _limit(files: tuple[str, ...]) -> str:
    paths = (Path("/sys/fs/cgroup", file) for file in files)
    return next(path.read_text().strip() for path in paths if path.exists())


_status = dict(line.split(":\t", 1) for line in Path("/proc/1/status").read_text().splitlines())
_found = {
    "user": os.getuid(),
    "capabilities": [int(_status[name], 16) for name in _CAPABILITIES],
    "no new privileges": _status["NoNewPrivs"],
    "not read-only": [each for each in _FOLDERS if not _is_read_only(each)],
    **{name: _limit(files) for name, files in _LIMITS.items()},
}
print(json.dumps(_found))  # noqa: T201
