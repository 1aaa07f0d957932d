"""The events of a profile, and their outcomes."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple, Protocol


class Kind(StrEnum):
    """The kind of an event."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"


class Outcome(StrEnum):
    """What the sender knows about an event."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


class Event(NamedTuple):
    """One event of a run. ``number`` is that of its domain; 0 is the first domain of the run."""

    number: int
    name: str
    kind: Kind


class Profile(Protocol):
    """A workload: an endless stream of events, the same for the same seed."""

    def events(self) -> Iterator[Event]:
        """Yield the events in the order of their due times."""
        ...

    def name(self, number: int) -> str:
        """Return the name of a domain that ``events`` has passed."""
        ...
