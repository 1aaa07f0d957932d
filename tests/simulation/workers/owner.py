"""The worker, as its partitions see it."""

from collections.abc import Callable
from typing import Protocol

from consumer.counting.pacing.circuit_breaker import CircuitBreaker
from consumer.counting.rows.row_epoch import RowEpoch
from tests.simulation.cassandra.replica_sets import ReplicaSets
from tests.simulation.kafka.topic import Topic
from tests.simulation.schedule import Schedule


class Owner(Protocol):
    """A worker process with its clocks and clients."""

    name: str
    schedule: Schedule
    stores: ReplicaSets
    topic: Topic
    epoch: RowEpoch
    clock_ahead: float

    def circuit_of(self, bucket: int) -> CircuitBreaker:
        """Return the circuit of the nodes that hold *bucket*."""

    def wall_now(self) -> float:
        """Return the time of its clock, in seconds since 1970."""

    def after(self, seconds: float, action: Callable[..., None], *arguments: object) -> None:
        """Schedule *action*; it runs when the worker is awake, and not if the worker is dead."""

    def update_sent(self) -> None:
        """Handle the start of an update."""

    def request_ended(self) -> None:
        """Handle the end of a request."""
