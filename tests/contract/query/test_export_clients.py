"""Exports to clients that are slow, leave, are too many, or outlive the node."""

import asyncio
import json
import socket
from collections import deque
from typing import Any

import aiohttp
import pytest

from query.export import scan
from shared.model.counter import Counters
from tests.contract.harness.export_node import PORT, ExportNode, open_export_node
from tests.fakes.clock import Clock
from tests.fakes.stored_domains import StoredDomains, in_scan_order, rows_of
from tests.waiting import until

BUCKETS = 4_096
DOMAINS = {f"d{n}.example": Counters(n * 600 + 1, n % 2) for n in range(60_000)}
ROWS = rows_of(DOMAINS, BUCKETS)
"""Some 7 MB as lines, more than the kernel's buffers hold."""


def stored(outcomes: str = "") -> StoredDomains:
    """Return the domains in a table whose first reads succeed (.) or fail (F)."""
    return StoredDomains(ROWS, outcomes=deque(outcome == "F" for outcome in outcomes))


async def export(url: str, **parameters: str) -> list[dict[str, Any]]:
    """Return the lines of an export that has an end."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{url}/domains", params=parameters) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return [json.loads(line) for line in (await answer.text()).splitlines()]


async def stall(node: ExportNode) -> socket.socket:
    """Request an export, and read nothing of it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.settimeout(0.0)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, (node.host, PORT))
    await loop.sock_sendall(client, b"GET /domains HTTP/1.1\r\nHost: test\r\n\r\n")
    return client


async def test_a_client_that_does_not_read_is_dropped() -> None:
    """Until then, the node reads only a little ahead of it; other clients are served."""
    table = stored()
    async with open_export_node(table, BUCKETS, write_seconds=0.5) as node:
        with await stall(node):
            await until(lambda: node.metric("catchall_export_clients"))
            await asyncio.sleep(0.3)  # until the buffers are full
            ahead = len(table.requests)
            assert len(await export(node.url, status="catch-all")) == 29_999 + 1
            await until(lambda: node.metric("catchall_export_slow_clients_total"))
            await until(lambda: not node.metric("catchall_export_clients"))
            assert ahead < sum(1 for _ in range(0, BUCKETS, scan.MAX_BUCKETS)) * 0.9
            assert node.metric("catchall_exports_total", outcome="interrupted") == 1


async def test_exports_beyond_the_limit_are_refused() -> None:
    """A client that leaves makes room."""
    async with (
        open_export_node(stored(), BUCKETS, max_clients=1) as node,
        aiohttp.ClientSession() as http,
    ):
        first = await http.get(f"{node.url}/domains")
        async with http.get(f"{node.url}/domains") as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
            assert (await refused.json(content_type=None))["code"] == "too_many_exports"
        first.close()
        await until(lambda: not node.metric("catchall_export_clients"))
        assert len(await export(node.url)) == len(DOMAINS) + 1
        assert node.defects() == 0


@pytest.mark.parametrize("early", ["stop", "age"])
async def test_an_export_that_ends_early_continues_elsewhere(early: str) -> None:
    """Both parts together are exact, and so are their totals."""
    found, totals = [], dict[str, int]()
    async with aiohttp.ClientSession() as http:
        seconds = 3_600.0 if early == "stop" else 0.01
        async with open_export_node(stored(), BUCKETS, max_seconds=seconds) as node:
            answer = await http.get(f"{node.url}/domains")
            await answer.content.readline()
            if early == "stop":
                node.handlers.stop()
                async with http.get(f"{node.url}/domains") as refused:
                    assert (await refused.json(content_type=None))["code"] == "exports_stopping"
            lines = [json.loads(line) for line in (await answer.text()).splitlines()]
        assert lines[-1]["complete"] is False
        assert 0 < len(lines) < len(DOMAINS) // 2
        found += [line["domain"] for line in lines[:-1]]
        assert lines[-1]["cursor"] == found[-1]
    async with open_export_node(stored(), BUCKETS) as other:
        rest = await export(other.url, cursor=lines[-1]["cursor"])
    assert (rest[-1]["complete"], rest[-1]["cursor"]) == (True, None)
    found += [line["domain"] for line in rest[:-1]]
    for part in (lines[-1], rest[-1]):
        totals = {key: totals.get(key, 0) + n for key, n in part["totals"].items()}

    assert found == in_scan_order(DOMAINS, BUCKETS)[1:]  # the first line was read apart
    assert totals == {"catch-all": 29_999, "not catch-all": 30_000, "unknown": 1}


async def test_an_outage_at_the_beginning_is_a_refusal() -> None:
    """The client gets a status that it can act on."""
    async with (
        open_export_node(stored("F"), BUCKETS) as node,
        aiohttp.ClientSession() as http,
        http.get(f"{node.url}/domains") as answer,
    ):
        assert answer.status == 503
        assert (await answer.json(content_type=None))["code"] == "store_unavailable"


async def test_a_long_outage_ends_an_export_with_a_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent is kept, and the export goes on from there later."""
    monkeypatch.setattr(scan, "PATIENCE_SECONDS", -1.0)
    async with open_export_node(stored("......F"), BUCKETS, Clock()) as node:
        lines = await export(node.url)
        rest = await export(node.url, cursor=lines[-1]["cursor"])

    assert lines[-1]["complete"] is False
    assert [line["domain"] for line in lines[:-1] + rest[:-1]] == in_scan_order(DOMAINS, BUCKETS)


async def test_the_summary_has_the_totals_of_the_last_export() -> None:
    """Also of one that left out domains by their status, but not of a part."""
    table = stored()
    async with open_export_node(table, BUCKETS) as node, aiohttp.ClientSession() as http:
        await export(node.url, status="unknown")
        scanned = len(table.requests)
        await export(node.url, cursor=in_scan_order(DOMAINS, BUCKETS)[-10])
        async with http.get(f"{node.url}/summary") as answer:
            summary = await answer.json()

        assert summary["totals"] == {"catch-all": 29_999, "not catch-all": 30_000, "unknown": 1}
        assert summary["domains"] == len(DOMAINS)
        assert 0 <= summary["age_seconds"] < 60
        assert len(table.requests) < scanned + 10  # the export of a part, and no further scan
