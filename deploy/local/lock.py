"""One `make run` per folder of data."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.processes.errors import ServersError


@contextmanager
def acquire(path: Path) -> Iterator[None]:
    """Hold the lock at *path*; raise if another process does, and say which.

    The kernel lets go of it when the process ends, however it ends.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            pid = file.read().strip()
            raise ServersError(
                f"it runs already (pid {pid}): use that one, or stop it (`kill {pid}`)",
            ) from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
