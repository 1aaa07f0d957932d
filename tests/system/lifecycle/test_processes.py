"""One ingest node of several processes on one port."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import psutil
import pytest_asyncio

from tests.clients.client import Client
from tests.tiers.processes import PROCESSES, all_ready, management
from tests.tiers.stack import Stack, TierProcess
from tests.waiting import until, until_equal

SOON_SECONDS = 20.0


@pytest_asyncio.fixture
async def node(guests: Stack) -> AsyncIterator[tuple[Stack, TierProcess]]:
    """A stack, and a node of two processes, both ready."""
    started = await guests.ingest(INGEST_PROCESSES=str(PROCESSES))
    await all_ready(guests, started)
    yield guests, started


async def acknowledged(stack: Stack, node: TierProcess, number: int) -> float:
    """Return how many events process *number* has published."""
    name = 'catchall_ingest_events_total{outcome="acknowledged"} '
    async with stack.http.get(f"{management(node, number)}/metrics") as answer:
        (found,) = (s for s in (await answer.text()).splitlines() if s.startswith(name))
    return float(found.removeprefix(name))


async def test_the_processes_of_a_node_share_a_port_and_stop_together(
    node: tuple[Stack, TierProcess],
) -> None:
    """Both get connections, a killed one is restarted, and a stop ends both."""
    stack, ingest = node
    client = Client(stack.http, ingest.url, "")
    sent = 0

    async def counts() -> list[float]:
        return [await acknowledged(stack, ingest, number) for number in range(PROCESSES)]

    async def each_has_one() -> bool:
        nonlocal sent
        # A new connection each: the kernel spreads connections, not requests.
        reply = await client.put("a.example.com", "delivered", headers={"Connection": "close"})
        assert reply.status == 202
        sent += 1
        return 0 not in await counts()

    async def total() -> float:
        return sum(await counts())

    await until(each_has_one)
    await until_equal(total, sent)

    children = psutil.Process(ingest.running.pid).children()
    assert len(children) == PROCESSES
    children[0].kill()
    children[0].wait(SOON_SECONDS)
    await all_ready(stack, ingest)
    children = psutil.Process(ingest.running.pid).children()
    assert len(children) == PROCESSES
    assert await ingest.stop() == 0
    assert not any(child.is_running() for child in children)


async def test_no_child_process_outlives_its_parent(
    node: tuple[Stack, TierProcess],
) -> None:
    """The children of a killed parent end by themselves."""
    _, ingest = node
    children = psutil.Process(ingest.running.pid).children()
    os.kill(ingest.running.pid, signal.SIGKILL)
    gone, alive = await asyncio.to_thread(psutil.wait_procs, children, SOON_SECONDS)
    assert (len(gone), alive) == (PROCESSES, [])
