"""What the tool brings: programs, and a store of its own."""

import os
import shutil
from pathlib import Path

import pytest

from tests.tools.containers import engine
from tests.tools.containers.engine import retried
from tests.tools.trial import NotRunError, TrialError, execute


def _failing_until(file: Path, times: int) -> tuple[str, ...]:
    script = f'echo >>"$0"; echo no mirror >&2; test $(wc -l <"$0") -gt {times}'
    return ("sh", "-c", script, str(file))


def test_a_download_that_fails_is_tried_again(tmp_path: Path) -> None:
    """A mirror that does not answer once fails no run."""
    mended = tmp_path / "mended"
    retried(*_failing_until(tmp_path / "tries", 2), seconds=10, mend=("mkdir", "-p", str(mended)))
    assert (tmp_path / "tries").read_text() == "\n" * 3
    assert mended.is_dir()


def test_a_download_that_always_fails_is_not_a_failed_check(tmp_path: Path) -> None:
    """The reason is the last error of the command."""
    with pytest.raises(NotRunError, match="sh: no mirror"):
        retried(*_failing_until(tmp_path / "tries", 3), seconds=10, mend=("true",))


@pytest.mark.parametrize(
    ("user", "found", "unshare", "reason"),
    [
        (1000, True, 0, "root"),
        (0, False, 0, "podman, buildah.* missing, and no apt-get"),
        (0, True, 1, "namespaces"),
    ],
)
def test_a_machine_without_what_is_needed_is_named(
    monkeypatch: pytest.MonkeyPatch, user: int, found: object, unshare: int, reason: str
) -> None:
    """It ends a run with a status of its own; nothing is left out in silence."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(shutil, "which", lambda name: name if found else None)
    monkeypatch.setattr(
        engine,
        "execute",
        lambda *_, seconds: execute("sh", "-c", f"exit {unshare}", seconds=seconds),
    )
    with pytest.raises(NotRunError, match=reason):
        engine.install()


def test_a_command_without_an_end_shows_what_it_printed() -> None:
    """Otherwise nobody knows which test of a suite hangs."""
    with pytest.raises(TrialError, match=r"no end within 1 s\nhalf"):
        execute("sh", "-c", "echo half; exec sleep 9", seconds=1)
