"""The output of a program of the bench."""

import sys

import msgspec


class MeasurementError(Exception):
    """A row could not be measured; the message has the reason."""


class WorkResult(msgspec.Struct, frozen=True, kw_only=True):
    """The amount of work, and its time and cost."""

    done: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """Units of work per second."""
        return self.done / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds per unit of work."""
        return self.cpu_seconds / max(1, self.done) * 1_000_000


def print_result(result: msgspec.Struct) -> None:
    """Print *result* as the last line of output, where the parent process reads it."""
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
