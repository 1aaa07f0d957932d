"""Keep the stored rows in order: delete superseded ones, compare known totals with the store."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from consumer.counter_store import CounterStore
from consumer.counting.ledger import PartitionLedger
from consumer.metrics import WorkerMetrics
from shared.errors import RetriableError

log = structlog.stdlib.get_logger(__name__)

SWEEP_INTERVAL_SECONDS = 1.0
"""One bucket of each partition in this time: deletions must not crowd out the counting."""


@dataclass(frozen=True, slots=True)
class Upkeep:
    """Work that may fail: what fails is done at a later call.

    *chance* returns a number from 0 up to 1: it picks what is audited.
    """

    store: CounterStore
    metrics: WorkerMetrics
    clock: Callable[[], float]
    wall_clock: Callable[[], float]
    chance: Callable[[], float]
    audit_interval_seconds: float

    async def run(self, ledgers: Callable[[], Sequence[PartitionLedger]]) -> None:
        """Look after the ledgers that *ledgers* returns at the time, until cancelled."""
        audit_at = self.clock() + self.audit_interval_seconds
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_SECONDS)
            owned = ledgers()
            for ledger in owned:
                if ledger in ledgers():  # else it was revoked meanwhile
                    await self.sweep(ledger)
            if owned and self.clock() >= audit_at:
                audit_at = self.clock() + self.audit_interval_seconds
                await self.audit(owned[int(self.chance() * len(owned))])

    async def sweep(self, ledger: PartitionLedger) -> None:
        """Delete the superseded rows of one bucket that are old enough."""
        bucket = ledger.sweeps.pop(self.clock())
        if bucket is None:
            return
        try:
            rows = await self.store.read(ledger.topic_partition, bucket)
            superseded = ledger.sweeps.sweep(bucket, rows, self.clock(), self.wall_clock())
            if superseded:
                await self.store.delete(ledger.topic_partition, bucket, superseded)
        except RetriableError as error:
            log.info("superseded rows are not deleted yet", bucket=bucket, error=str(error))
            ledger.sweeps.plan(bucket, self.clock())
        else:
            self.metrics.rows_deleted.inc(len(superseded))

    async def audit(self, ledger: PartitionLedger) -> None:
        """Read a known bucket again and compare it with what is known.

        A mismatch is counted and logged, and the domain gets a fresh row. It means that the
        store lost writes that it had acknowledged: its operator wants to know.
        """
        version = ledger.audits.start(self.chance())
        if version is None:
            return
        try:
            rows = await self.store.read(ledger.topic_partition, version.bucket)
        except RetriableError:
            return  # the requests that need the store report it
        wrong = ledger.audits.compare(version, rows, ledger.next_offset, self.clock())
        self.metrics.audited.inc(len({row.domain for row in rows}))
        self.metrics.audit_mismatches.inc(len(wrong))
        for domain in wrong:
            log.error("the store differs from what it acknowledged", domain=domain)
