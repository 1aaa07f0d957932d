"""A lock file, so that only one `make run` uses a data folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.processes.errors import ServersError


@contextmanager
def acquire(path: Path) -> Iterator[None]:
    """Hold the lock at *path*. Raises ServersError with the pid of the process that has it.

    The kernel releases the lock when the process ends, for whatever reason.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            pid = file.read().strip()
            raise ServersError(
                f"`make run` is already running (pid {pid}): use it, or stop it with `kill {pid}`",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
