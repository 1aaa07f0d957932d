"""The events and times of one second of a run. Pure."""

from typing import TypeVar

import msgspec

from tests.tools.load.measurement.latency import Buckets
from tests.tools.load.streams.schedule import Way

K = TypeVar("K")


class Second(msgspec.Struct):
    """Events and times of one second, counted from the start of the run.

    ``offered`` counts the events due in it, ``sent`` those sent in it. Outcomes belong to the
    second in which they became known. Two objects of the same second can be added.
    """

    second: int
    offered: int = 0
    sent: int = 0
    accepted: int = 0
    refused_by: dict[str, int] = {}
    unanswered_by: dict[str, int] = {}
    latencies: dict[Way, Buckets] = {}
    """Of requests with an accepted event, measured from the scheduled time."""
    start_lags: Buckets = {}
    """The delays between due and sent."""

    @property
    def refused(self) -> int:
        """The number of refused events."""
        return sum(self.refused_by.values())

    @property
    def unanswered(self) -> int:
        """The number of unanswered events."""
        return sum(self.unanswered_by.values())

    def add(self, other: "Second") -> None:
        """Add the counts of another process, or of a later message, for the same second."""
        self.offered += other.offered
        self.sent += other.sent
        self.accepted += other.accepted
        _add(self.refused_by, other.refused_by)
        _add(self.unanswered_by, other.unanswered_by)
        _add(self.start_lags, other.start_lags)
        for way, buckets in other.latencies.items():
            _add(self.latencies.setdefault(way, {}), buckets)


def _add(own: dict[K, int], other: dict[K, int]) -> None:
    for key, count in other.items():
        own[key] = own.get(key, 0) + count
