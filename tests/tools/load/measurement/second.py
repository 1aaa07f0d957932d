"""What happened within one second of a run. Pure."""

from typing import TypeVar

import msgspec

from tests.tools.load.measurement.latency import Buckets
from tests.tools.load.streams.schedule import Way

K = TypeVar("K")


class Second(msgspec.Struct):
    """Events counted and times measured in one second, counted from the start.

    ``offered`` are the events that were due in it, ``sent`` those that left; the fates are of what
    was answered, or given up, in it. Two of the same second add up.
    """

    second: int
    offered: int = 0
    sent: int = 0
    accepted: int = 0
    refused_by: dict[str, int] = {}
    unanswered_by: dict[str, int] = {}
    latencies: dict[Way, Buckets] = {}
    """Of requests of which an event was accepted, from the scheduled time."""
    start_lags: Buckets = {}
    """How late requests left."""

    @property
    def refused(self) -> int:
        """How many events were refused."""
        return sum(self.refused_by.values())

    @property
    def unanswered(self) -> int:
        """How many events were given up."""
        return sum(self.unanswered_by.values())

    def add(self, other: "Second") -> None:
        """Add what another process, or a later message, says of the same second."""
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
