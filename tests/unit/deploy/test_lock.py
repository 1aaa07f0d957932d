"""One run per folder."""

import os
from pathlib import Path

import pytest

from deploy.local import lock
from deploy.processes.errors import ServersError


def test_second_run_is_told_the_first_ones_pid(tmp_path: Path) -> None:
    """Whoever comes second is refused with the process that was first."""
    path = tmp_path / "new" / "data.lock"
    with (
        lock.acquire(path),
        pytest.raises(ServersError, match=rf"runs already \(pid {os.getpid()}\)"),
        lock.acquire(path),
    ):
        pass


def test_lock_is_free_after_use(tmp_path: Path) -> None:
    """A run that has ended leaves the folder to the next."""
    for _ in range(2):
        with lock.acquire(tmp_path / "data.lock"):
            pass
