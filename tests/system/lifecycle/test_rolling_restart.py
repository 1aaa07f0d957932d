"""Every process is replaced, one of each tier at a time, while senders and readers go on."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest
import pytest_asyncio

from tests.clients.balanced import open_traffic
from tests.clients.client import Client
from tests.tiers.stack import Stack, TierProcess

SLOWEST_SECONDS = 5.0
"""Of any answer; nodes that start take the cores from those that answer."""


@pytest_asyncio.fixture
async def stack(
    server_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """A stack of its own: every process of it is stopped."""
    async with Stack("rolling", tmp_path_factory.mktemp("rolling"), server_environment) as stack:
        yield stack


async def test_every_process_is_replaced_without_one_refused_or_lost_event(stack: Stack) -> None:
    """Two nodes of each tier, stopped and started in turn under load: all 202, counts exact."""
    ingests, workers, queries = await stack.all(ingest=2, workers=2, query=2)
    urls = [node.url for node in ingests], [node.url for node in queries]
    seconds: list[float] = []
    async with open_traffic(*urls) as seen:
        # One of each tier at a time: to start six in turn takes a small machine too long.
        for number in range(2):
            seconds += await asyncio.gather(
                _replace(ingests[number], "INGEST_HTTP_PORT", stack.ingest),
                _replace(workers[number], "", stack.worker),
                _replace(queries[number], "QUERY_HTTP_PORT", stack.query),
            )

    assert (seen.unanswered, seen.refused) == ([], [])
    assert seen.slowest < SLOWEST_SECONDS
    assert min(seen.answers[method] for method in ("PUT", "POST", "GET")) > 100
    client = Client(stack.http, "", queries[0].url)
    for domain in seen.domains:
        delivered, bounced = (seen.events[domain, kind] for kind in ("delivered", "bounced"))
        await client.wait_for_counts(domain, delivered, bounced)
    print(  # noqa: T201 what was measured, for whoever runs it with -s
        f"replaced {len(seconds)} processes, three at a time, the slowest in "
        f"{max(seconds):.1f} s; {dict(seen.answers)} answers, {sum(seen.events.values()):,} events "
        f"accepted and counted, none refused or lost, the slowest answer {seen.slowest:.2f} s"
    )


async def _replace(
    node: TierProcess, variable: str, start: Callable[..., Awaitable[TierProcess]]
) -> float:
    """Stop *node* and start another in its place; return how long that took."""
    began = time.perf_counter()
    assert await node.stop() == 0, node.log_text()
    await start(**({variable: node.url.rpartition(":")[2]} if variable else {}))
    return time.perf_counter() - began
