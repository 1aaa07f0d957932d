"""What a program of the bench prints at its end."""

import sys

import msgspec


class WorkResult(msgspec.Struct, frozen=True, kw_only=True):
    """How much was done, in which time, at which cost."""

    done: int
    seconds: float
    cpu_seconds: float

    @property
    def per_second(self) -> float:
        """The rate."""
        return self.done / self.seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds for each."""
        return self.cpu_seconds / max(1, self.done) * 1_000_000


def print_result(result: msgspec.Struct) -> None:
    """Print *result* as the last line, where whoever started this program reads it."""
    sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
