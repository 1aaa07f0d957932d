"""A worker's partition without Kafka, to count made-up events on a real store."""

import asyncio
import time
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry

from consumer.__main__ import WriterIds
from consumer.config import WorkerSettings
from consumer.counter_store import CassandraCounterStore
from consumer.counting.kept_memory import PartitionMemory
from consumer.counting.keys.dedupe import Dedupe
from consumer.counting.ledger import PartitionLedger
from consumer.counting.pacing.write_limit import WriteLimit
from consumer.counting.rows.row_epoch import RowEpoch
from consumer.kafka.dead_letters import DeadLetterTopic
from consumer.metrics import WorkerMetrics
from consumer.partition import PartitionTask
from consumer.worker_context import WorkerContext
from consumer.write_places import WritePlaces
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import DEFAULT_BUCKETS
from shared.model.record import encode_event
from tests.contract.harness.stores import read
from tests.fakes.group_topic import StoredRecord
from tests.fakes.published_changes import PublishedChanges
from tests.fakes.topic import InMemoryTopic
from tests.waiting import until

SECONDS_TO_SETTLE = 90.0


class Counting:
    """A worker's partition without Kafka and its group."""

    def __init__(
        self,
        name: str,
        domains: Sequence[DomainName],
        store: CassandraCounterStore,
        epoch: Callable[[], int],
    ) -> None:
        clock = asyncio.get_running_loop().time
        self.topic_partition = name
        self._domains = domains
        self._context = WorkerContext(
            store=store,
            dead_letters=DeadLetterTopic(InMemoryTopic()),
            changes=PublishedChanges(),
            metrics=WorkerMetrics(CollectorRegistry()),
            reads=asyncio.Semaphore(8),
            writes=WritePlaces(WriteLimit(4, max_age_seconds=600.0)),
            urgent_writes=asyncio.Semaphore(4),
            clock=clock,
            wall_clock=time.time,
            epoch=RowEpoch(epoch, clock, longest_gap_seconds=1e9),
            end_offset=self._end_offset,
        )
        ids = WriterIds()
        rules = WorkerSettings(flush_max_age_seconds=1e-6).rules(DEFAULT_BUCKETS, ids.node)
        ledger, keys = PartitionLedger(name, 0, rules, ids.new), Dedupe(self._context.key_window)
        self._task = PartitionTask(0, PartitionMemory(ledger, keys, 0), self._context)
        self.running = asyncio.ensure_future(self._task.run())

    async def _end_offset(self, _: int, __: int) -> int:
        return self._task.ledger.next_offset

    async def count_each(self) -> None:
        """Deliver mail to every domain: 1 the first time, then 4, 9, 16, ...

        All counts differ, so a row that lost one of them is wrong at every offset.
        """
        start = self._task.ledger.next_offset
        mails = (start // len(self._domains) + 1) ** 2
        lines = [
            StoredRecord(offset, *encode_event(Event(domain, EventKind.DELIVERED, mails)))
            for offset, domain in enumerate(self._domains, start)
        ]
        await self._task.process(lines)

    async def settle(self) -> None:
        """Wait until everything is acknowledged."""
        await until(lambda: self._task.ledger.settled, SECONDS_TO_SETTLE)

    async def false_rows(self) -> list[str]:
        """Return the rows that are not a true count up to their offset."""
        wrong = []
        store, size = self._context.store, len(self._domains)
        for place, domain in enumerate(self._domains):
            for row in await read(store, self.topic_partition, domain):
                # Domain p has its events at the offsets p, p + size, p + 2 * size, ...
                events = range(place, row.applied_offset, size)
                truth = sum((offset // size + 1) ** 2 for offset in events)
                if (row.delivered, row.bounced) != (truth, 0):
                    wrong.append(f"{domain}: {row}, in truth {truth}")
        return wrong
