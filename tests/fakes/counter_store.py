"""A counter store in memory, as unreliable as the real one.

Increments have no identity here either: what is applied twice counts twice, and a failure does not
reveal whether the update was, will be or never will be applied.
"""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from consumer.counting.rows.superseded import started_at
from consumer.counting.rows.writer_rows import RowIncrement, StoredRow
from shared.errors import OutcomeUnknownError, StoreUnavailableError
from shared.model.domain import DomainName
from shared.model.partitioning import DEFAULT_BUCKETS, bucket_of


class Outcome(StrEnum):
    """What happens to one write."""

    ACKNOWLEDGED = "applied and acknowledged"
    IN_DOUBT = "applied, and the acknowledgement was lost"
    LOST = "never applied, with an unknown outcome"
    REFUSED = "never applied, and refused"
    PARTIAL = "every other row applied"
    LATE = "applied some time after its failure was reported"


@dataclass(slots=True)
class _Cells:
    """The three counter columns of one row."""

    delivered: int = 0
    bounced: int = 0
    applied_offset: int = 0


class InMemoryCounterStore:
    """A CounterStore (see there). ``plan`` sets the outcomes of its next writes.

    The buckets are divided among *replica_sets*. Reads return all that was applied, as reads at a
    quorum return all that was acknowledged.
    """

    def __init__(self, replica_sets: int = 1, buckets: int = DEFAULT_BUCKETS) -> None:
        self._replica_sets = replica_sets
        self.buckets = buckets
        self._cells: dict[tuple[str, bytes, bytes], _Cells] = {}
        self._late: list[tuple[str, RowIncrement]] = []
        self._planned: deque[Outcome] = deque()
        self._reads_to_fail = 0
        self._deletes_to_fail = 0
        self.reads: list[int] = []
        self.writes: list[Sequence[RowIncrement]] = []

    # ---- the interface

    async def read(self, topic_partition: str, bucket: int) -> list[StoredRow]:
        """See CounterStore."""
        self.reads.append(bucket)
        if self._reads_to_fail:
            self._reads_to_fail -= 1
            raise StoreUnavailableError("Cassandra did not answer: planned")
        rows = [
            row
            for of, row in self.all_rows()
            if of == topic_partition and bucket_of(row.domain, self.buckets) == bucket
        ]
        return sorted(rows, key=lambda row: (row.domain, -started_at(row.writer)))

    async def write(self, topic_partition: str, bucket: int, rows: Sequence[RowIncrement]) -> None:
        """See CounterStore."""
        if any(bucket_of(row.domain, self.buckets) != bucket for row in rows):
            raise ValueError(f"a row of another bucket than {bucket}")
        self.writes.append(rows)
        planned = self._planned.popleft() if self._planned else Outcome.ACKNOWLEDGED
        self.settle(topic_partition, rows, planned)

    async def delete(self, topic_partition: str, bucket: int, rows: Sequence[StoredRow]) -> None:
        """See CounterStore."""
        if self._deletes_to_fail:
            self._deletes_to_fail -= 1
            raise StoreUnavailableError("Cassandra did not answer: planned")
        for row in rows:
            if bucket_of(row.domain, self.buckets) == bucket:
                self._cells.pop((topic_partition, row.domain, row.writer), None)

    def replicas_of(self, bucket: int) -> tuple[str, ...]:
        """See CounterStore."""
        return (f"replicas-{bucket * self._replica_sets // self.buckets}",)

    def epoch(self) -> int:
        """See CounterStore."""
        return 0

    # ---- what a test plans and reads

    def fail_deletes(self, times: int) -> None:
        """Let the next deletions fail."""
        self._deletes_to_fail = times

    def falsify(self, topic_partition: str, domain: DomainName, delivered: int) -> None:
        """Remove some acknowledged deliveries from every row of *domain*."""
        for (of, of_domain, _), cells in self._cells.items():
            if (of, of_domain) == (topic_partition, domain.encode()):
                cells.delivered -= delivered

    def plan(self, *outcomes: Outcome) -> None:
        """Set the outcomes of the next writes, in order."""
        self._planned.extend(outcomes)

    def fail_reads(self, times: int) -> None:
        """Let the next reads fail."""
        self._reads_to_fail = times

    def settle(self, topic_partition: str, rows: Sequence[RowIncrement], outcome: Outcome) -> None:
        """Write *rows* with this outcome."""
        for row in rows:
            if UUID(bytes=row.writer).version != 1:
                raise StoreUnavailableError("InvalidRequest: a writer is a version 1 UUID")
        match outcome:
            case Outcome.ACKNOWLEDGED:
                self._apply(topic_partition, rows)
            case Outcome.IN_DOUBT:
                self._apply(topic_partition, rows)
                raise OutcomeUnknownError("OperationTimedOut: applied")
            case Outcome.LOST:
                raise OutcomeUnknownError("OperationTimedOut: not applied")
            case Outcome.REFUSED:
                raise StoreUnavailableError("Unavailable: not applied")
            case Outcome.PARTIAL:
                self._apply(topic_partition, rows[::2])
                raise OutcomeUnknownError("WriteTimeout: applied in part")
            case Outcome.LATE:
                self._late.extend((topic_partition, row) for row in rows)
                raise OutcomeUnknownError("WriteTimeout: not applied yet")

    @property
    def late_updates(self) -> int:
        """The number of updates that are not applied yet."""
        return len(self._late)

    def apply_late(self, which: Collection[int] | None = None) -> None:
        """Apply late updates: all, or those at the positions *which*; in any order."""
        chosen = range(len(self._late)) if which is None else which
        for position in sorted(chosen, reverse=True):
            topic_partition, row = self._late.pop(position)
            self._apply(topic_partition, [row])

    def rows(self, topic_partition: str, domain: DomainName) -> list[StoredRow]:
        """Return the rows of *domain* in *topic_partition*, youngest writer first."""
        key = domain.encode()
        found = [r for of, r in self.all_rows() if of == topic_partition and r.domain == key]
        return sorted(found, key=lambda row: started_at(row.writer), reverse=True)

    def all_rows(self) -> Iterator[tuple[str, StoredRow]]:
        """Yield every row with its topic partition."""
        for (topic_partition, domain, writer), cells in self._cells.items():
            yield (
                topic_partition,
                StoredRow(domain, writer, cells.delivered, cells.bounced, cells.applied_offset),
            )

    def _apply(self, topic_partition: str, rows: Sequence[RowIncrement]) -> None:
        for row in rows:
            cells = self._cells.setdefault((topic_partition, row.domain, row.writer), _Cells())
            cells.delivered += row.delivered
            if not row.never_bounced:
                cells.bounced += row.bounced
            cells.applied_offset += row.applied_offset
