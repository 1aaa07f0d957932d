"""A node of Cassandra is killed and comes back: what that does to counters, and to ours.

On three nodes of its own, with the periodic commit log that Cassandra has by default, and
compressed: what a node acknowledged in the last seconds before its end, it has forgotten.
"""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio
from cassandra import ConsistencyLevel
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, ResponseFuture
from cassandra.policies import FallthroughRetryPolicy, RetryPolicy
from prometheus_client import CollectorRegistry

from consumer.__main__ import new_writer
from consumer.counter_store import CassandraCounterStore
from consumer.dead_letters import DeadLetterTopic
from consumer.flush_policy import FlushPace, FlushPolicy
from consumer.ledger import PartitionLedger
from consumer.metrics import ConsumerMeters
from consumer.partition import PartitionTask, Tools
from consumer.row_epoch import RowEpoch
from deploy import prepare
from deploy.local.cluster import CommitLog
from deploy.local.errors import ServersError
from deploy.local.node import Node
from deploy.local.servers import Servers, open_servers
from shared import cassandra, record
from shared.cassandra import Session
from shared.config import CassandraConfig
from shared.domain import DomainName
from shared.errors import RetriableError
from shared.event import Event, EventKind
from tests.contract.stores import new_domain, update_of
from tests.contract.waiting import until
from tests.fakes.topic import InMemoryTopic
from tests.loopback import random_prefix
from tests.unit.consumer.events import RETENTION

log = logging.getLogger(__name__)

KEYSPACE = "restarts"
DOMAINS = 400
LOGS = 3
MOST_KILLS = 5
SECONDS_TO_SETTLE = 90.0
FLOOD = 600


@pytest_asyncio.fixture(scope="module")
async def ring(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    """Three nodes whose commit log is periodic, with a table of three replicas."""
    folder: Path = tmp_path_factory.mktemp("ring")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
        patch.delenv("CASSANDRA_CONTACT_POINTS", raising=False)
        opening = open_servers(
            folder,
            nodes=3,
            prefix=random_prefix(),
            commit_log=CommitLog.PERIODIC,
            brokers=False,
            say=print,
        )
    try:
        async with opening as servers:
            await prepare.create_schema(config_of(servers), {"datacenter1": 3})
            yield servers
    except ServersError as error:
        pytest.fail(f"these tests kill servers of their own: {error}", pytrace=False)


@pytest_asyncio.fixture(scope="module")
async def session(ring: Servers) -> AsyncIterator[Session]:
    """A session as the workers have it."""
    async with cassandra.open_session(config_of(ring)) as opened:
        yield opened


def config_of(servers: Servers) -> CassandraConfig:
    """Return where the ring is."""
    return CassandraConfig(contact_points=servers.contact_points, keyspace=KEYSPACE)


@dataclass(slots=True)
class Line:
    """A record as the log holds it."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0


class Counting:
    """A worker's partition without Kafka: everything of it but the group."""

    def __init__(
        self,
        name: str,
        domains: Sequence[DomainName],
        store: CassandraCounterStore,
        epoch: Callable[[], int],
    ) -> None:
        clock = asyncio.get_running_loop().time
        self.log = name
        self._domains = domains
        self._tools = Tools(
            store=store,
            dead_letters=DeadLetterTopic(InMemoryTopic()),
            meters=ConsumerMeters(CollectorRegistry()),
            reads=asyncio.Semaphore(8),
            writes=asyncio.Semaphore(8),
            clock=clock,
            epoch=RowEpoch(epoch, clock, longest_gap_seconds=1e9),
            log_end=self._log_end,
        )
        ledger = PartitionLedger(name, 0, FlushPolicy(1000, 1e-6), new_writer, RETENTION)
        self._task = PartitionTask(0, ledger, FlushPace(25), self._tools)
        self.running = asyncio.ensure_future(self._task.run())

    async def _log_end(self, _: int) -> int:
        return self._task.ledger.next_offset

    async def count_each(self) -> None:
        """Deliver mail to every domain: 1 the first time, then 4, 9, 16, ...

        Never the same, so that a row that lost one of them is no true count of any offset.
        """
        start = self._task.ledger.next_offset
        mails = (start // len(self._domains) + 1) ** 2
        lines = [
            Line(offset, *record.encode(Event(domain, EventKind.DELIVERED, mails)))
            for offset, domain in enumerate(self._domains, start)
        ]
        await self._task.take(lines)

    async def settle(self) -> None:
        """Wait until everything is acknowledged."""
        async with asyncio.timeout(SECONDS_TO_SETTLE):
            while not self._task.ledger.settled:
                await asyncio.sleep(0.05)

    async def false_rows(self) -> list[str]:
        """Return the rows that are no true count up to their offset."""
        wrong = []
        store, size = self._tools.store, len(self._domains)
        for start in range(0, size, 50):
            found = await store.read(self.log, self._domains[start : start + 50])
            for place, domain in enumerate(self._domains[start : start + 50], start):
                for row in found[domain]:
                    # Domain p has its events at the offsets p, p + size, p + 2 * size, ...
                    events = range(place, row.applied_offset, size)
                    truth = sum((offset // size + 1) ** 2 for offset in events)
                    if (row.delivered, row.bounced) != (truth, 0):
                        wrong.append(f"{domain}: {row}, in truth {truth}")
        return wrong


async def kill(node: Node) -> None:
    """End *node* as a power cut would and bring it back, all others knowing of both."""
    await node.kill()
    await asyncio.sleep(4.0)
    await node.start()
    await node.wait_ready(3)


async def until_calm(store: CassandraCounterStore) -> None:
    """Wait until updates succeed whichever node leads them."""

    async def is_calm() -> bool:
        try:
            for _ in range(30):
                await store.write("calm", [update_of(new_domain(), delivered=1)])
        except RetriableError:
            return False
        return True

    await until(is_calm, SECONDS_TO_SETTLE)


async def test_rows_that_are_left_at_a_restart_stay_true(ring: Servers, session: Session) -> None:
    """Side by side through the same kills: rows that go on are falsified, rows left are not."""
    store = await CassandraCounterStore.prepare(session)
    domains = [DomainName(f"d-{number}.example") for number in range(DOMAINS)]
    left = [Counting(f"left/{n}", domains, store, session.node_epoch) for n in range(LOGS)]
    kept = [Counting(f"kept/{n}", domains, store, lambda: 0) for n in range(LOGS)]
    everyone = [*left, *kept]

    async def count_on(stop: asyncio.Event, counting: Counting) -> None:
        while not stop.is_set():
            await counting.count_each()
            await counting.settle()

    falsified: list[str] = []
    for kills in range(MOST_KILLS):
        stop = asyncio.Event()
        counters = [asyncio.ensure_future(count_on(stop, counting)) for counting in everyone]
        await asyncio.sleep(8.0)
        stop.set()
        await kill(ring.cassandra[kills % 3])
        await asyncio.gather(*counters)
        await until_calm(store)
        for _ in range(5):
            await asyncio.gather(*(counting.count_each() for counting in everyone))
            await asyncio.gather(*(counting.settle() for counting in everyone))
        assert [row for counting in left for row in await counting.false_rows()] == []
        falsified = [row for counting in kept for row in await counting.false_rows()]
        if falsified:
            break
    log.info("%d false rows after %d kills: %s", len(falsified), kills + 1, falsified[:3])
    assert falsified, "the kills were too kind to show anything"
    for counting in everyone:
        counting.running.cancel()


async def test_the_epoch_ends_with_a_node_and_only_then(ring: Servers, session: Session) -> None:
    """At its end and at its return; nothing else that the driver does counts as one.

    This holds the driver to what shared/cassandra_nodes.py looks at.
    """
    quiet = session.node_epoch()
    for _ in range(20):
        await asyncio.sleep(0.1)
        await session.probe()
    assert session.node_epoch() == quiet

    await ring.cassandra[2].kill()
    async with asyncio.timeout(2):
        while session.node_epoch() == quiet:
            await asyncio.sleep(0.01)
    await asyncio.sleep(4.0)
    dead = session.node_epoch()
    await ring.cassandra[2].start()
    await ring.cassandra[2].wait_ready(3)

    async def is_noticed() -> bool:
        return session.node_epoch() != dead

    await until(is_noticed)


class Flood:
    """Updates in flight on a session of its own: one for each row, sent by us once."""

    def __init__(self, servers: Servers, policy: RetryPolicy) -> None:
        profile = ExecutionProfile(
            retry_policy=policy,
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
            request_timeout=20,
        )
        addresses = config_of(servers).addresses
        self._cluster = Cluster(
            contact_points=addresses,
            port=addresses[0][1],
            protocol_version=5,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        )
        self._session = self._cluster.connect(KEYSPACE, wait_for_all_pools=True)
        self._update = self._session.prepare(
            "UPDATE domain_counters SET delivered = delivered + 1"
            " WHERE domain = ? AND log = 'flood' AND writer = ?"
        )
        self._read = self._session.prepare(
            "SELECT delivered FROM domain_counters"
            " WHERE domain = ? AND log = 'flood' AND writer = ?"
        )
        self._numbers = count()
        self._sent: list[tuple[str, uuid.UUID]] = []

    def send(self) -> list[ResponseFuture]:
        """Start many updates and return their futures."""
        rows = [(f"f-{next(self._numbers)}.example", new_writer()) for _ in range(FLOOD)]
        self._sent += rows
        return [self._session.execute_async(self._update, row) for row in rows]

    def wait(self, futures: Sequence[ResponseFuture]) -> None:
        """Wait until each has ended, in whatever way."""
        for future in futures:
            with suppress(Exception):  # the driver's errors have no common base
                future.result()

    def doubled(self) -> int:
        """Return how many rows count more than the one update that we sent."""
        found = (self._session.execute(self._read, row).one() for row in self._sent)
        return sum(row is not None and row.delivered > 1 for row in found)

    def close(self) -> None:
        """End the session."""
        self._cluster.shutdown()


async def test_the_drivers_default_sends_updates_twice_and_ours_does_not(ring: Servers) -> None:
    """A node dies with updates in hand: by default the driver sends them to the next one."""
    default = await asyncio.to_thread(Flood, ring, RetryPolicy())
    ours = await asyncio.to_thread(Flood, ring, FallthroughRetryPolicy())
    try:
        for kills in range(MOST_KILLS):
            started = [(flood, flood.send()) for flood in (default, ours)]
            await asyncio.sleep(0.05)
            await kill(ring.cassandra[kills % 3])
            for flood, futures in started:
                await asyncio.to_thread(flood.wait, futures)
            assert await asyncio.to_thread(ours.doubled) == 0
            if doubled := await asyncio.to_thread(default.doubled):
                break
        log.info("by default %d of %d counted twice", doubled, FLOOD * (kills + 1))
        assert doubled
    finally:
        default.close()
        ours.close()
