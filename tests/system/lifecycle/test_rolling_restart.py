"""Every process is replaced, one of each tier at a time, while clients send and read."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.clients.balanced import open_traffic
from tests.clients.client import Client
from tests.tiers.fleet import Fleet
from tests.tiers.stack import TierProcess

SLOWEST_SECONDS = 5.0
"""For any answer: processes that start take CPU time from the nodes that answer."""


async def test_a_rolling_restart_refuses_and_loses_no_event(fleet: Fleet) -> None:
    """Two nodes of each tier, stopped and started in turn under load: all 202, counts exact."""
    stack, seconds = fleet.stack, list[float]()
    urls = [node.url for node in fleet.ingest], [node.url for node in fleet.query]
    async with open_traffic(*urls, zone="rolling.example.com") as seen:
        # One of each tier at a time: starting six one by one takes too long.
        for _ in range(2):
            seconds += await asyncio.gather(
                _replace(fleet.ingest, "INGEST_HTTP_PORT", stack.ingest),
                _replace(fleet.workers, "", stack.worker),
                _replace(fleet.query, "QUERY_HTTP_PORT", stack.query),
            )

    assert (seen.unanswered, seen.refused) == ([], [])
    assert seen.slowest < SLOWEST_SECONDS
    assert min(seen.answers[method] for method in ("PUT", "POST", "GET")) > 100
    client = Client(stack.http, "", fleet.query[0].url)
    for domain in seen.domains:
        delivered, bounced = (seen.events[domain, kind] for kind in ("delivered", "bounced"))
        await client.wait_for_counts(domain, delivered, bounced)
    print(  # noqa: T201 the measurements, shown by pytest -s
        f"replaced {len(seconds)} processes, three at a time, the slowest in "
        f"{max(seconds):.1f} s; {dict(seen.answers)} answers, {sum(seen.events.values()):,} events "
        f"accepted and counted, none refused or lost, the slowest answer {seen.slowest:.2f} s"
    )


async def _replace(
    nodes: list[TierProcess], variable: str, start: Callable[..., Awaitable[TierProcess]]
) -> float:
    """Stop the oldest of *nodes* and start a new one in its place; return the seconds it took."""
    began = time.perf_counter()
    node = nodes.pop(0)
    assert await node.stop() == 0, node.log_text()
    nodes.append(await start(**({variable: node.url.rpartition(":")[2]} if variable else {})))
    return time.perf_counter() - began
