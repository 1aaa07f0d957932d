"""Delete superseded rows, and audit the totals in memory against the store."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from consumer.counter_store import CounterStore
from consumer.counting.ledger import PartitionLedger
from consumer.metrics import WorkerMetrics
from shared.errors import RetriableError

log = structlog.stdlib.get_logger(__name__)

DELETE_INTERVAL_SECONDS = 1.0
DELETES_AT_A_TIME = 32
"""Per partition and interval: deletions must not slow down the counting."""
AUDITED_AT_A_TIME = 32


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Background work that may fail: a later call does what an earlier one could not.

    *chance* returns a random number from 0 to below 1. It selects the partition to audit, and the
    domain where the audit starts.
    """

    store: CounterStore
    metrics: WorkerMetrics
    clock: Callable[[], float]
    chance: Callable[[], float]
    audit_interval_seconds: float

    async def run(self, ledgers: Callable[[], Sequence[PartitionLedger]]) -> None:
        """Delete and audit rows of the partitions in *ledgers*, until cancelled."""
        audit_at = self.clock() + self.audit_interval_seconds
        while True:
            await asyncio.sleep(DELETE_INTERVAL_SECONDS)
            owned = ledgers()
            for ledger in owned:
                await self.delete_superseded(ledger)
            if owned and self.clock() >= audit_at:
                audit_at = self.clock() + self.audit_interval_seconds
                await self.audit(owned[int(self.chance() * len(owned))])

    async def delete_superseded(self, ledger: PartitionLedger) -> None:
        """Delete some superseded rows."""
        rows = ledger.pop_superseded(self.clock(), DELETES_AT_A_TIME)
        if not rows:
            return
        try:
            await self.store.delete(ledger.topic_partition, rows)
        except RetriableError as error:
            log.info("superseded rows were not deleted", rows=len(rows), error=str(error))
            ledger.retry_superseded(rows, self.clock())
        else:
            self.metrics.rows_deleted.inc(len(rows))

    async def audit(self, ledger: PartitionLedger) -> None:
        """Read some domains again and compare them with the totals in memory.

        A mismatch is counted and logged, and the next flush starts a new row with the full
        totals. It means that the store lost acknowledged writes: its operator must know.
        """
        sample = ledger.audit_sample(self.chance(), AUDITED_AT_A_TIME)
        if not sample:
            return
        try:
            found = await self.store.read(ledger.topic_partition, list(sample))
        except RetriableError:
            return  # reads and writes of the partition report a failing store
        for domain, state in sample.items():
            self.metrics.audited.inc()
            if not ledger.audit(domain, state, found[domain], self.clock()):
                self.metrics.audit_mismatches.inc()
                rows = [str(row) for row in found[domain]]
                log.error("the store differs from what it acknowledged", domain=domain, rows=rows)
