"""Write for programs on standard output and for people on standard error."""

import json
import sys
import time

PROGRESS_SECONDS = 2.0


def write_json(item: object) -> None:
    """Write *item* as a line of JSON."""
    sys.stdout.write(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n")


def say(text: str) -> None:
    """Write a line for people."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class Progress:
    """Reports how far a command is, every few seconds."""

    def __init__(self) -> None:
        self._next_at = time.monotonic() + PROGRESS_SECONDS

    def report(self, text: str) -> None:
        """Write *text* if it is time to."""
        if time.monotonic() >= self._next_at:
            say(text)
            self._next_at = time.monotonic() + PROGRESS_SECONDS
