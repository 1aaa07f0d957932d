"""A workload as numbers, so that millions of events a second can be told apart. Pure.

An event is a code: its domain's number doubled, plus one if it is a bounce. A code is the place of
the event's counter in the ledger, too.
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
    """Return what the event with *code* is."""
    return Kind.BOUNCED if code % 2 else Kind.DELIVERED


class Stream(Protocol):
    """A profile's events, without end, the same for the same seed. Taken once, in order."""

    def take(self, count: int) -> "array[int]":
        """Return the codes of the next *count* events."""
        ...

    def skip(self, count: int) -> None:
        """Pass over the next *count* events: another process sends them."""
        ...

    def lines(self, codes: "array[int]") -> bytes:
        """Return the body of a bulk request: a JSON object per event."""
        ...

    def path(self, code: int) -> bytes:
        """Return the domain and the kind as they stand in the path of a PUT."""
        ...

    def name(self, number: int) -> str:
        """Return the name of domain *number*."""
        ...


def events_of(stream: Stream) -> Iterator[Event]:
    """Yield the events of *stream* one by one, without end."""
    while True:
        for code in stream.take(_TAKEN_AT_ONCE):
            yield Event(code // 2, stream.name(code // 2), kind_of(code))
