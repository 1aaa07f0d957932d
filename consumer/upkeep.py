"""Keep the rows of one log in order: delete what is superseded, audit what is remembered."""

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
"""Of a log, in each interval: deletions must not crowd out the counting."""
AUDITED_AT_A_TIME = 32


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Work that may fail: whatever was not done now is done at a later call.

    *chance* gives a number from 0 up to 1: which log is audited, and where the audit begins.
    """

    store: CounterStore
    metrics: WorkerMetrics
    clock: Callable[[], float]
    chance: Callable[[], float]
    audit_interval_seconds: float

    async def run(self, ledgers: Callable[[], Sequence[PartitionLedger]]) -> None:
        """Look after those that *ledgers* returns by then, until cancelled."""
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
        """Delete some of the rows that another one speaks for."""
        rows = ledger.pop_superseded(self.clock(), DELETES_AT_A_TIME)
        if not rows:
            return
        try:
            await self.store.delete(ledger.topic_partition, rows)
        except RetriableError as error:
            log.info("superseded rows are still there", rows=len(rows), error=str(error))
            ledger.retry_superseded(rows, self.clock())
        else:
            self.metrics.rows_deleted.inc(len(rows))

    async def audit(self, ledger: PartitionLedger) -> None:
        """Read some domains again and compare them with what is remembered.

        A mismatch is counted and logged, and the domain said anew in a fresh row. It means that
        the store lost writes that it had acknowledged, which its operator wants to know.
        """
        sample = ledger.audit_sample(self.chance(), AUDITED_AT_A_TIME)
        if not sample:
            return
        try:
            found = await self.store.read(ledger.topic_partition, list(sample))
        except RetriableError:
            return  # whoever needs the store says so
        for domain, memory in sample.items():
            self.metrics.audited.inc()
            if not ledger.audit(domain, memory, found[domain], self.clock()):
                self.metrics.audit_mismatches.inc()
                rows = [str(row) for row in found[domain]]
                log.error("the store differs from what it acknowledged", domain=domain, rows=rows)
