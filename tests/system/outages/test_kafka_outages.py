"""Kafka outages of every kind under load: true refusals, no growth of memory, full recovery.

Every event has a different domain, so the topic shows how often each was stored: once if it was
accepted, at most once if the outcome is unknown, and never if it was refused.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import psutil
import pytest
import pytest_asyncio

from deploy.processes.node import Node
from tests.clients.client import Client, Reply
from tests.clients.putting import Outcome, Putting, put_all_the_time
from tests.tiers.brokers import BrokerStack, open_brokers, start
from tests.tiers.stack import TierProcess
from tests.waiting import until_equal

TIMEOUT_SECONDS = 2.0
MARGIN_SECONDS = 2.5
"""Two cores carry the brokers, the node and its senders."""
OUTAGE_SECONDS = 2.5 * TIMEOUT_SECONDS
BACK_SECONDS = 10.0
FAILOVER_SECONDS = 20.0
"""A broker's session ends after three seconds; then a new leader is elected."""
MAX_GROWTH_BYTES = 32 * 1024 * 1024
MAX_LOG_BYTES = 100_000
"""For one scene: a client that logs each of its attempts writes more in two seconds."""

Step = Callable[[], Awaitable[None]]


@pytest_asyncio.fixture(scope="module")
async def brokers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[list[Node]]:
    """Three brokers for this module."""
    async with open_brokers(tmp_path_factory.mktemp("brokers")) as started:
        yield started


@dataclass(slots=True)
class Scene:
    """One node under load, and its topic."""

    stack: BrokerStack
    node: TierProcess
    putting: Putting
    pid: int
    log_since: float = 0.0
    """The topic was created at this time; earlier events were in its predecessor."""

    async def ask(self, path: str) -> Reply:
        """Send a GET to the management port."""
        client = Client(self.stack.http, "", "")
        return await client.request("GET", f"{self.node.management}{path}")

    async def becomes_ready(self, within_seconds: float, *, ready: bool = True) -> None:
        """Return once the node reports that it is ready, or not ready."""

        async def status() -> int:
            return (await self.ask("/readyz")).status

        await until_equal(status, 200 if ready else 503, within_seconds)

    def rss(self) -> int:
        """Return the memory of the node; fail if it is another process."""
        assert self.node.running.poll() is None, self.node.log_text()[-2000:]
        assert self.node.running.pid == self.pid
        return int(psutil.Process(self.pid).memory_info().rss)

    async def outage(self, hurt: Step, heal: Step) -> None:
        """Break Kafka: nothing is accepted. Repair it: everything is as before."""
        before = self.rss()
        await hurt()
        hurt_at = time.monotonic()
        await self.becomes_ready(TIMEOUT_SECONDS + BACK_SECONDS, ready=False)
        began = time.monotonic()
        while time.monotonic() < began + OUTAGE_SECONDS:
            assert (await self.ask("/livez")).status == 200
            assert (await self.ask("/readyz")).status == 503
            await asyncio.sleep(0.2)
        assert {outcome.status for outcome in self.putting.since(hurt_at)} == {503}
        # At first PUTs wait for the deadline, later none does.
        assert len(self.putting.since(began + TIMEOUT_SECONDS)) > 30
        assert self.rss() - before < MAX_GROWTH_BYTES

        await heal()
        await self.is_back()
        assert self.rss() - before < MAX_GROWTH_BYTES

    async def is_back(self) -> None:
        """Check that everything is accepted soon, and that the node is ready."""
        await self.putting.accepted(BACK_SECONDS)
        await self.becomes_ready(BACK_SECONDS)


@asynccontextmanager
async def load(
    brokers: list[Node], tmp_path_factory: pytest.TempPathFactory, *, min_insync_replicas: int = 2
) -> AsyncIterator[Scene]:
    """Put a new node under load; each of its answers must be true and in time."""
    environment: Mapping[str, str] = {
        "KAFKA_BOOTSTRAP_SERVERS": ",".join(broker.address for broker in brokers),
        "KAFKA_REQUEST_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
    }
    folder = tmp_path_factory.mktemp("outage")
    stack = BrokerStack("outage", folder, environment, min_insync_replicas=min_insync_replicas)
    async with stack:
        node = await stack.ingest()
        async with put_all_the_time(stack.http, node.url) as putting:
            scene = Scene(stack, node, putting, node.running.pid)
            await putting.accepted(BACK_SECONDS)
            yield scene
        for outcome in putting.outcomes:
            assert outcome.status in {202, 503}, outcome
            assert outcome.seconds < TIMEOUT_SECONDS + MARGIN_SECONDS, outcome
            if outcome.status == 503:
                assert int(outcome.retry_after or 0) >= 1, outcome
        scene.rss()
        assert len(node.log_text()) < MAX_LOG_BYTES
        await check_log(scene)


async def check_log(scene: Scene) -> None:
    """Check that the topic holds each accepted event once, and no refused one."""
    counts, values = await scene.stack.stored()
    wrong: list[tuple[int, Outcome]] = []
    for outcome in scene.putting.since(scene.log_since):
        stored = counts.get(outcome.domain, 0)
        accepted = outcome.status == 202
        most = 1 if accepted or outcome.code == "outcome_unknown" else 0
        if not accepted <= stored <= most:
            wrong.append((stored, outcome))
    assert wrong == []
    assert counts.keys() <= {outcome.domain for outcome in scene.putting.outcomes}
    assert values == {(0, 1)}, "each event is one delivery"


async def test_a_node_recovers_after_all_brokers_were_killed(
    brokers: list[Node], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without brokers nothing is accepted; events accepted before are still there afterwards."""

    async def kill() -> None:
        await asyncio.gather(*(broker.kill() for broker in brokers))

    async with load(brokers, tmp_path_factory) as scene:
        await scene.outage(kill, lambda: start(brokers))


@pytest.mark.parametrize("frozen", [2, 3])
async def test_a_node_recovers_after_brokers_were_frozen(
    brokers: list[Node], tmp_path_factory: pytest.TempPathFactory, frozen: int
) -> None:
    """Connections stay open without answers, from two of three brokers or from all."""

    async def freeze() -> None:
        for broker in brokers[-frozen:]:
            broker.pause()

    async def thaw() -> None:
        for broker in brokers[-frozen:]:
            broker.resume()
        await asyncio.gather(*(broker.wait_ready() for broker in brokers))

    async with load(brokers, tmp_path_factory) as scene:
        try:
            await scene.outage(freeze, thaw)
        finally:
            await thaw()


async def test_nothing_is_accepted_with_too_few_replicas_in_sync(
    brokers: list[Node], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Kafka answers and has leaders, but the topic requires more replicas than are in sync."""

    async def heal() -> None:
        await start(brokers[:1])
        await scene.stack.wait_whole()

    async with load(brokers, tmp_path_factory, min_insync_replicas=len(brokers)) as scene:
        await scene.outage(brokers[0].kill, heal)


async def test_a_node_recovers_after_the_topic_was_deleted_and_created(
    brokers: list[Node], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The brokers stay healthy, so a healthy broker alone must not make the node ready."""

    async def delete() -> None:
        await scene.stack.delete_topic()
        # The brokers learn of it one after the other.
        await asyncio.sleep(1.0)
        # Events accepted earlier were deleted with the topic; events in flight are in doubt.
        scene.log_since = time.monotonic()

    async with load(brokers, tmp_path_factory) as scene:
        await scene.outage(delete, scene.stack.create_topic)


async def test_no_event_is_lost_when_leaders_move(
    brokers: list[Node], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After a kill and after a stop others lead, and no event is lost or stored twice."""
    async with load(brokers, tmp_path_factory) as scene:
        await brokers[0].kill()
        await scene.putting.accepted(FAILOVER_SECONDS)
        await scene.becomes_ready(BACK_SECONDS)
        await start(brokers[:1])
        await scene.stack.wait_whole()
        await brokers[1].stop()
        await scene.putting.accepted(FAILOVER_SECONDS)
        await start(brokers[1:2])
        await scene.stack.wait_whole()
        await scene.is_back()
