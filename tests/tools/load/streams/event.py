"""What a profile emits and what becomes of it."""

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple, Protocol


class Kind(StrEnum):
    """What happened to a mail."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"


class Outcome(StrEnum):
    """What the sender of an event knows about it."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


class Event(NamedTuple):
    """One event of a run. ``number`` is its domain's: 0 is the first domain of the run."""

    number: int
    name: str
    kind: Kind


class Profile(Protocol):
    """A workload: an endless stream of events, the same for the same seed."""

    def events(self) -> Iterator[Event]:
        """Yield the events in the order in which they are due."""
        ...

    def name(self, number: int) -> str:
        """Return the name of a domain that ``events`` has come past."""
        ...
