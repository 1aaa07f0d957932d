"""What the trials of containers and of Kubernetes share: commands, conditions, a line per check."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

ROOT = Path(__file__).resolve().parents[2]
EXIT_NOT_RUN = 2
_POLL_SECONDS = 0.2
_SHOWN = 4000
"""Of the output of a command that did not end: its last bytes."""


class TrialError(Exception):
    """Something did not go as described; the message says what."""


class NotRunError(Exception):
    """This machine cannot run the trial; the message says why."""


class Subject(Protocol):
    """What is checked."""

    def logs(self) -> str:
        """Return the last lines of its logs, for the report of a failure."""


_S = TypeVar("_S", bound=Subject)


def passes(check: Callable[[_S], str], subject: _S) -> bool:
    """Run *check*; report its time, its first sentence, and what it found."""
    what = (check.__doc__ or "").splitlines()[0]
    began = time.monotonic()
    try:
        found = check(subject)
    except (TrialError, OSError, ValueError) as error:
        say(f"FAILED {time.monotonic() - began:5.1f} s  {what}\n{error}\n{subject.logs()}")
        return False
    say(f"passed {time.monotonic() - began:5.1f} s  {what} {found}")
    return True


def say(text: str) -> None:
    """Print *text* at once."""
    sys.stdout.write(text.rstrip() + "\n")
    sys.stdout.flush()


def execute(
    *words: str,
    seconds: float,
    environment: Mapping[str, str] | None = None,
    folder: Path = ROOT,
    text: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, at most *seconds*, with *text* as its input.

    Raises TrialError if it takes longer.
    """
    try:
        return subprocess.run(
            words,
            env={**os.environ, **(environment or {})},
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            cwd=folder,
        )
    except subprocess.TimeoutExpired as error:
        # In bytes, although it is asked for as text.
        printed = (error.stdout or b"").decode(errors="replace")[-_SHOWN:]
        text = f"{' '.join(words)}: no end within {seconds:.0f} s\n{printed}"
        raise TrialError(text) from error


def wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until *condition* holds. Raises TrialError after *seconds*."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TrialError(f"not within {seconds:.0f} s: {what}")
        time.sleep(_POLL_SECONDS)


def equal(found: object, expected: object, what: str) -> None:
    """Raise TrialError unless *found* is *expected*."""
    if found != expected:
        raise TrialError(f"{what}: {found!r}, expected {expected!r}")
