"""R6: while Kafka cannot store, an ingest node refuses honestly, stays alive, and recovers."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from deploy.local import process
from deploy.local.servers import Servers, open_servers
from tests.loopback import random_prefix
from tests.system.client import Client, Reply
from tests.system.stack import Stack, TierProcess

TIMEOUT_SECONDS = 2.0


@pytest_asyncio.fixture(scope="module")
async def own_servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    """Servers that may be frozen without harm to other tests."""
    with pytest.MonkeyPatch.context() as patch:
        # Servers from outside are not ours to freeze.
        patch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
        patch.delenv("CASSANDRA_CONTACT_POINTS", raising=False)
        directory = tmp_path_factory.mktemp("frozen")
        async with open_servers(directory, prefix=random_prefix()) as started:
            yield started


@pytest_asyncio.fixture
async def node(
    own_servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Stack, TierProcess]]:
    """An ingest node with a short patience, and its stack."""
    environment: Mapping[str, str] = {
        "KAFKA_BOOTSTRAP_SERVERS": own_servers.bootstrap_servers,
        "CASSANDRA_CONTACT_POINTS": own_servers.contact_points,
        "KAFKA_REPLICATION_FACTOR": "1",
        "KAFKA_MIN_INSYNC_REPLICAS": "1",
        "CASSANDRA_REPLICATION": "datacenter1:1",
        "KAFKA_REQUEST_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
    }
    async with Stack("frozen", tmp_path_factory.mktemp("stack"), environment) as stack:
        yield stack, await stack.ingest()


async def readiness(stack: Stack, node: TierProcess) -> Reply:
    """Return what the node says of its readiness."""
    return await Client(stack.http, node.url, "").request("GET", f"{node.management}/readyz")


async def test_a_frozen_broker_means_503_in_time_and_202_again_by_itself(
    own_servers: Servers, node: tuple[Stack, TierProcess]
) -> None:
    """First in doubt and said so, then certain and at once; alive, not ready; then as before."""
    stack, ingest = node
    client = Client(stack.http, ingest.url, "")
    assert (await client.put("frozen.example.com", "delivered")).status == 202
    own_servers.kafka[0].pause()
    try:
        began = time.monotonic()
        in_doubt = await client.put("frozen.example.com", "delivered")
        waited = time.monotonic() - began
        certain = await client.put("frozen.example.com", "delivered")
        at_once = time.monotonic() - began - waited
        alive = await client.request("GET", f"{ingest.management}/livez")
        async with asyncio.timeout(10):
            while (ready := await readiness(stack, ingest)).status == 200:
                await asyncio.sleep(0.1)
    finally:
        own_servers.kafka[0].resume()

    assert (in_doubt.status, in_doubt.body["code"]) == (503, "outcome_unknown")
    assert TIMEOUT_SECONDS <= waited < TIMEOUT_SECONDS + 3
    assert (certain.status, certain.body["code"]) == (503, "broker_unavailable")
    assert int(certain.headers["Retry-After"]) >= 1
    assert at_once < TIMEOUT_SECONDS / 2
    assert alive.status == 200
    assert ready.body["checks"]["kafka"]["last_error"]
    async with asyncio.timeout(10):
        while (await client.put("frozen.example.com", "delivered")).status != 202:
            await asyncio.sleep(0.1)
        while (await readiness(stack, ingest)).status != 200:
            await asyncio.sleep(0.1)


async def test_a_second_signal_ends_a_drain_that_cannot_end(
    own_servers: Servers, node: tuple[Stack, TierProcess]
) -> None:
    """With a request that Kafka does not answer, SIGTERM waits and another one does not."""
    stack, ingest = node
    client = Client(stack.http, ingest.url, "")
    assert (await client.put("signal.example.com", "delivered")).status == 202
    own_servers.kafka[0].pause()
    try:
        stuck = asyncio.create_task(client.put("signal.example.com", "delivered"))
        await asyncio.sleep(0.3)
        ingest.running.signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        assert ingest.running.poll() is None
        ingest.running.signal(signal.SIGTERM)
        async with asyncio.timeout(1):
            status = await process.wait(ingest.running)
    finally:
        own_servers.kafka[0].resume()
        await asyncio.gather(stuck, return_exceptions=True)

    assert status == 3
