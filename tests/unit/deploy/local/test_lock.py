"""Only one run per data folder."""

import os
from pathlib import Path

import pytest

from deploy.local import lock
from deploy.processes.errors import ServersError


def test_a_second_run_is_refused_with_the_first_ones_pid(tmp_path: Path) -> None:
    """The message names the running process."""
    path = tmp_path / "new" / "data.lock"
    with (
        lock.acquire(path),
        pytest.raises(ServersError, match=rf"already running \(pid {os.getpid()}\)"),
        lock.acquire(path),
    ):
        pass


def test_lock_is_free_after_use(tmp_path: Path) -> None:
    """The next run can use the folder."""
    for _ in range(2):
        with lock.acquire(tmp_path / "data.lock"):
            pass
