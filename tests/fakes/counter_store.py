"""A counter store in memory, as unreliable as the real one.

Increments have no identity here either: an update applied twice counts twice, and after a failure
it is unknown whether the update was, will be or never will be applied.
"""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from consumer.counting.superseded import SupersededRow
from consumer.counting.writer_rows import RowUpdate
from shared.errors import OutcomeUnknownError, StoreUnavailableError
from shared.model.counter import CounterRow
from shared.model.domain import DomainName
from shared.model.partitioning import partition_of


class Outcome(StrEnum):
    """The outcome of one write."""

    ACKNOWLEDGED = "applied, and acknowledged"
    IN_DOUBT = "applied, but the response is lost"
    LOST = "never applied, with an unknown outcome"
    REFUSED = "never applied, with a certain error"
    PARTIAL = "applied to every other partition of the batch"
    LATE = "not applied yet: some time after its failure was reported"


@dataclass(slots=True)
class _Cells:
    """The three counter columns of one row."""

    delivered: int = 0
    bounced: int = 0
    applied_offset: int = 0


class InMemoryCounterStore:
    """A CounterStore (see there). ``plan`` sets the outcomes of the next writes; others succeed.

    The ring has *replica_sets* ranges, for ``split`` only: a read returns everything applied, as a
    read at a quorum returns everything acknowledged.
    """

    def __init__(self, replica_sets: int = 1) -> None:
        self._replica_sets = replica_sets
        self._cells: dict[tuple[DomainName, str, UUID], _Cells] = {}
        self._late: list[tuple[str, RowUpdate]] = []
        self._planned: deque[Outcome] = deque()
        self._reads_to_fail = 0
        self._deletes_to_fail = 0
        self.reads: list[list[DomainName]] = []
        self.writes: list[list[RowUpdate]] = []

    # ---- CounterStore

    async def read(
        self, topic_partition: str, domains: Sequence[DomainName]
    ) -> dict[DomainName, list[CounterRow]]:
        """See CounterStore."""
        self.reads.append(list(domains))
        if self._reads_to_fail:
            self._reads_to_fail -= 1
            raise StoreUnavailableError("Cassandra did not answer: planned")
        return {domain: self.rows(topic_partition, domain) for domain in domains}

    async def write(self, topic_partition: str, updates: Sequence[RowUpdate]) -> None:
        """See CounterStore."""
        self.writes.append(list(updates))
        planned = self._planned.popleft() if self._planned else Outcome.ACKNOWLEDGED
        self.settle(topic_partition, updates, planned)

    def split(self, updates: Sequence[RowUpdate], size: int) -> list[list[RowUpdate]]:
        """See CounterStore."""
        by_replicas: dict[int, list[RowUpdate]] = {}
        for update in updates:
            replicas = partition_of(update.domain, self._replica_sets)
            by_replicas.setdefault(replicas, []).append(update)
        return [
            group[start : start + size]
            for group in by_replicas.values()
            for start in range(0, len(group), size)
        ]

    async def delete(self, topic_partition: str, rows: Sequence[SupersededRow]) -> None:
        """See CounterStore."""
        if self._deletes_to_fail:
            self._deletes_to_fail -= 1
            raise StoreUnavailableError("Cassandra did not answer: planned")
        for row in rows:
            self._cells.pop((row.domain, topic_partition, row.writer), None)

    def epoch(self) -> int:
        """See CounterStore."""
        return 0

    # ---- for tests

    def fail_deletes(self, times: int) -> None:
        """Let the next deletions fail."""
        self._deletes_to_fail = times

    def falsify(self, topic_partition: str, domain: DomainName, delivered: int) -> None:
        """Remove acknowledged deliveries from every row of *domain*."""
        for (of, of_topic_partition, _), cells in self._cells.items():
            if (of, of_topic_partition) == (domain, topic_partition):
                cells.delivered -= delivered

    def plan(self, *outcomes: Outcome) -> None:
        """Set the outcomes of the next writes, in order."""
        self._planned.extend(outcomes)

    def fail_reads(self, times: int) -> None:
        """Let the next reads fail."""
        self._reads_to_fail = times

    def settle(self, topic_partition: str, updates: Sequence[RowUpdate], outcome: Outcome) -> None:
        """Write *updates* with this outcome."""
        for update in updates:
            if update.writer.version != 1:
                raise StoreUnavailableError("InvalidRequest: a writer is a version 1 UUID")
        match outcome:
            case Outcome.ACKNOWLEDGED:
                self._apply(topic_partition, updates)
            case Outcome.IN_DOUBT:
                self._apply(topic_partition, updates)
                raise OutcomeUnknownError("OperationTimedOut: applied")
            case Outcome.LOST:
                raise OutcomeUnknownError("OperationTimedOut: not applied")
            case Outcome.REFUSED if len(updates) == 1:
                raise StoreUnavailableError("Unavailable: not applied")
            case Outcome.REFUSED:
                # Batches are applied partition by partition: the refusal is none of the whole.
                raise OutcomeUnknownError("Unavailable: not applied")
            case Outcome.PARTIAL:
                applied = set(list(dict.fromkeys(u.domain for u in updates))[::2])
                self._apply(topic_partition, [u for u in updates if u.domain in applied])
                raise OutcomeUnknownError("WriteTimeout: applied in part")
            case Outcome.LATE:
                self._late.extend((topic_partition, update) for update in updates)
                raise OutcomeUnknownError("WriteTimeout: not applied yet")

    @property
    def late_updates(self) -> int:
        """The number of updates that are not applied yet."""
        return len(self._late)

    def apply_late(self, which: Collection[int] | None = None) -> None:
        """Apply late updates: all, or those at the positions *which*; in any order."""
        chosen = range(len(self._late)) if which is None else which
        for position in sorted(chosen, reverse=True):
            topic_partition, update = self._late.pop(position)
            self._apply(topic_partition, [update])

    def rows(self, topic_partition: str, domain: DomainName) -> list[CounterRow]:
        """Return the rows of *domain* in *topic_partition*, newest writer first."""
        found = [
            row
            for d, row in self.all_rows()
            if d == domain and row.topic_partition == topic_partition
        ]
        return sorted(found, key=lambda row: (row.writer.time, row.writer.bytes), reverse=True)

    def all_rows(self) -> Iterator[tuple[DomainName, CounterRow]]:
        """Yield every row of every topic partition."""
        for (domain, topic_partition, writer), cells in self._cells.items():
            yield (
                domain,
                CounterRow(
                    topic_partition, writer, cells.delivered, cells.bounced, cells.applied_offset
                ),
            )

    def _apply(self, topic_partition: str, updates: Sequence[RowUpdate]) -> None:
        for update in updates:
            cells = self._cells.setdefault(
                (update.domain, topic_partition, update.writer), _Cells()
            )
            cells.delivered += update.delivered
            cells.bounced += update.bounced
            cells.applied_offset += update.applied_offset
