"""What all partitions of a worker share."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from consumer.circuits import Circuits
from consumer.counter_store import CounterStore
from consumer.counting.keys.dedupe import KeyWindow
from consumer.counting.rows.row_epoch import RowEpoch
from consumer.kafka.change_publisher import ChangePublisher
from consumer.kafka.dead_letters import DeadLetters
from consumer.metrics import WorkerMetrics
from consumer.write_places import WritePlaces

if TYPE_CHECKING:
    from shared.telemetry.spans import Spans


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The store, topics, clocks and limits of a worker."""

    store: CounterStore
    dead_letters: DeadLetters
    changes: ChangePublisher
    metrics: WorkerMetrics
    reads: asyncio.Semaphore
    writes: WritePlaces
    urgent_writes: asyncio.Semaphore
    """For changes of status: they never wait behind counts that merely move."""
    clock: Callable[[], float]
    wall_clock: Callable[[], float]
    epoch: RowEpoch
    end_offset: Callable[[int, int], Awaitable[int]]
    spans: "Spans | None" = None
    """Where events are traced."""
    key_window: KeyWindow = field(default_factory=KeyWindow)
    read_circuits: Circuits = field(default_factory=lambda: Circuits("read"))
    write_circuits: Circuits = field(default_factory=lambda: Circuits("write"))
