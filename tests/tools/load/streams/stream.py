"""A workload as numbers, fast enough for millions of events per second. Pure.

The code of an event is twice the number of its domain, plus one for a bounce. The code is also the
index of the event's counter in the ledger.
"""

from array import array
from collections.abc import Iterator
from typing import Protocol

from tests.tools.load.streams.event import Event, Kind

CODE = "I"
"""The type of a code in an array: four bytes, enough for 2,000,000,000 domains."""
_TAKEN_AT_ONCE = 500


def code_of(number: int, kind: Kind) -> int:
    """Return the code of an event of domain *number*."""
    return number * 2 + (kind is Kind.BOUNCED)


def kind_of(code: int) -> Kind:
    """Return the event with *code*."""
    return Kind.BOUNCED if code % 2 else Kind.DELIVERED


class Stream(Protocol):
    """The events of a profile, without end, taken once in order; the same for the same seed."""

    def take(self, count: int) -> "array[int]":
        """Return the codes of the next *count* events."""
        ...

    def skip(self, count: int) -> None:
        """Skip the next *count* events: another process sends them."""
        ...

    def lines(self, codes: "array[int]") -> bytes:
        """Return the body of a bulk request: a JSON object per event."""
        ...

    def path(self, code: int) -> bytes:
        """Return the domain and the kind for the path of a PUT."""
        ...

    def name(self, number: int) -> str:
        """Return the name of domain *number*."""
        ...


def events_of(stream: Stream) -> Iterator[Event]:
    """Yield the events of *stream* one by one, without end."""
    while True:
        for code in stream.take(_TAKEN_AT_ONCE):
            yield Event(code // 2, stream.name(code // 2), kind_of(code))
