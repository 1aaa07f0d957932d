"""A Cassandra node is killed and comes back: the effect on counters, and on our rows.

The three nodes have a periodic commit log, Cassandra's default, and compress it: a killed node
forgets what it acknowledged in its last seconds.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from cassandra.cluster import Session as DriverSession
from cassandra.policies import FallthroughRetryPolicy, RetryPolicy

from consumer.counter_store import CassandraCounterStore
from deploy import prepare
from deploy.processes.node import Node
from deploy.servers.backends import Servers
from deploy.servers.cluster import CommitLog
from shared.cassandra.session import Session, open_session
from shared.config import CassandraConfig
from shared.errors import RetriableError
from shared.model.domain import DomainName
from tests.contract.harness.counting import SECONDS_TO_SETTLE, Counting
from tests.contract.harness.flood import FLOOD, Flood
from tests.contract.harness.stores import new_domain, update_of, write
from tests.servers.freezing import frozen
from tests.servers.own_servers import open_own_servers
from tests.waiting import until

log = logging.getLogger(__name__)

KEYSPACE = "restarts"
DOMAINS = 400
LOGS = 3
MOST_KILLS = 5
# Less than the two seconds after which a coordinator gives up an update.
SECONDS_IN_FLIGHT = 1.0


@pytest_asyncio.fixture(scope="module")
async def ring(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    """Three nodes with a periodic commit log, and a table with three replicas."""
    folder = tmp_path_factory.mktemp("ring")
    opening = open_own_servers(folder, nodes=3, commit_log=CommitLog.PERIODIC, brokers=False)
    async with opening as servers:
        await prepare.create_schema(config_of(servers), {"datacenter1": 3})
        yield servers


@pytest_asyncio.fixture(scope="module")
async def session(ring: Servers) -> AsyncIterator[Session]:
    """A session with the settings of the workers."""
    async with open_session(config_of(ring)) as opened:
        yield opened


def config_of(servers: Servers) -> CassandraConfig:
    """Return the settings for the ring."""
    return CassandraConfig(contact_points=servers.contact_points, keyspace=KEYSPACE)


async def test_a_schema_that_is_created_three_times_at_once_is_created_by_one_node(
    ring: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run knows another node first. Two nodes at once would sometimes create two tables."""
    execute, hosts = DriverSession.execute_async, Counter[Any]()

    def record(driver: DriverSession, query: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(query, str) and query.startswith("CREATE"):
            hosts[options["host"]] += 1
        return execute(driver, query, *arguments, **options)

    monkeypatch.setattr(DriverSession, "execute_async", record)
    configs = [
        CassandraConfig(contact_points=points, keyspace="created_at_once")
        for points in ring.contact_points.split(",")
    ]
    await asyncio.gather(*(prepare.create_schema(each, {"datacenter1": 3}) for each in configs))
    (statements,) = hosts.values()
    assert statements >= 3 * len(configs)  # a keyspace and two tables; a slow answer repeats one
    assert None not in hosts
    async with open_session(configs[0]) as session:
        store = await CassandraCounterStore.prepare(session)
        for _ in range(30):  # any node may lead it
            await write(store, "created/0", update_of(new_domain(), delivered=1))


async def kill(node: Node) -> None:
    """Kill *node* and start it again; the other nodes notice both."""
    await node.kill()
    await asyncio.sleep(4.0)
    await node.start()
    await node.wait_ready(3)


async def until_calm(store: CassandraCounterStore) -> None:
    """Wait until updates succeed with any node as their leader."""

    async def is_calm() -> bool:
        try:
            for _ in range(30):
                await write(store, "calm", update_of(new_domain(), delivered=1))
        except RetriableError:
            return False
        return True

    await until(is_calm, SECONDS_TO_SETTLE)


async def test_rows_left_at_a_restart_stay_exact(ring: Servers, session: Session) -> None:
    """The same kills falsify rows that are used on, and no row that is left at a restart."""
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
    assert falsified, "no kill falsified a row"
    for counting in everyone:
        counting.running.cancel()


async def test_the_epoch_changes_when_a_node_ends_and_only_then(
    ring: Servers, session: Session
) -> None:
    """It changes when a node ends and when it returns, and at no other time.

    This test fails if a new driver changes what shared/cassandra/node_restarts.py reads from it.
    """
    quiet = session.node_epoch()
    for _ in range(20):
        await asyncio.sleep(0.1)
        await session.probe()
    assert session.node_epoch() == quiet

    await ring.cassandra[2].kill()
    await until(lambda: session.node_epoch() != quiet, 2)
    await asyncio.sleep(4.0)
    dead = session.node_epoch()
    await ring.cassandra[2].start()
    await ring.cassandra[2].wait_ready(3)
    await until(lambda: session.node_epoch() != dead)


async def test_the_drivers_default_sends_updates_twice_and_ours_does_not(ring: Servers) -> None:
    """A node dies with updates in flight: by default the driver sends them to another node.

    The two others are frozen meanwhile. Without a quorum the node can confirm no update, so it dies
    with all of them in flight. A slow machine may need another round.
    """
    addresses = config_of(ring).addresses
    default = await asyncio.to_thread(Flood, addresses, KEYSPACE, RetryPolicy())
    ours = await asyncio.to_thread(Flood, addresses, KEYSPACE, FallthroughRetryPolicy())
    try:
        for kills in range(MOST_KILLS):
            victim = ring.cassandra[kills % 3]
            others = [node for node in ring.cassandra if node is not victim]
            with frozen(*others):
                started = [(flood, flood.send()) for flood in (default, ours)]
                await asyncio.sleep(SECONDS_IN_FLIGHT)
                await victim.kill()
            for flood, futures in started:
                await asyncio.to_thread(flood.wait, futures)
            await victim.start()
            await victim.wait_ready(3)
            assert await asyncio.to_thread(ours.doubled) == 0
            if doubled := await asyncio.to_thread(default.doubled):
                break
        log.info("by default %d of %d counted twice", doubled, FLOOD * (kills + 1))
        assert doubled
    finally:
        default.close()
        ours.close()
