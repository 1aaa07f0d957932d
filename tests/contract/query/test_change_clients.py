"""The clients of the feed: their number, speed and age, and what a stopping node sends them."""

import asyncio
import functools
import re
from collections import defaultdict

from shared.model.change import Change
from tests.clients.event_stream import EventStream
from tests.clients.raw_client import RawConnection
from tests.contract.harness.change_feed import (
    Changes,
    catch_all,
    domains,
    has,
    join,
    names,
    start_node,
)
from tests.tiers.stack import TierProcess
from tests.waiting import until

CLIENTS = 1_000
RATE = 500
SECONDS = 4


async def test_a_head_has_the_headers_of_get(feed_node: TierProcess) -> None:
    """Without a stream."""
    wire = await RawConnection.open(feed_node.url)
    await wire.send(b"HEAD /changes HTTP/1.1\r\nHost: h\r\n\r\n")
    head = await wire.rest()
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/event-stream\r\n" in head
    assert head.endswith(b"\r\n\r\n")
    wire.close()


async def test_a_client_beyond_the_limit_comes_again(changes: Changes) -> None:
    """Its stream says why it ends, and when to reconnect; there is room once another leaves."""
    node = await start_node(changes, QUERY_CHANGES_MAX_CLIENTS="2")
    streams = [await until(functools.partial(join, node.url)) for _ in range(2)]
    refused = await EventStream.open(node.url)
    await refused.until(refused.closed.is_set)
    assert (refused.status, refused.comments, refused.last_id) == (200, 1, "")
    assert 5_000 <= refused.retry_ms <= 15_000
    streams[0].close()
    third = await until(functools.partial(join, node.url))
    for stream in (streams[1], third):
        stream.close()
    await node.stop()


async def test_only_a_client_that_does_not_read_loses_its_stream(
    changes: Changes,
) -> None:
    """Its stream ends with a resync; other clients receive everything."""
    node = await start_node(changes)
    slow = await EventStream.open(node.url, receive_bytes=4096)
    fast = await EventStream.open(node.url)
    await slow.until(lambda: bool(slow.last_id))
    slow.transport.pause_reading()
    written: list[Change] = []
    async with asyncio.timeout(120):
        while not await resyncs(changes, node):
            written += (more := changes.bounces(500, "flood"))
            await changes.write(more)
            await fast.until(functools.partial(has, fast, len(written)))
    slow.transport.resume_reading()
    await slow.until(slow.closed.is_set)

    assert slow.resyncs == [{"reason": "too_slow"}]
    assert sorted(domains(fast)) == sorted(names(written))
    assert len(slow.changes) < len(written)
    fast.close()
    await node.stop()


async def resyncs(changes: Changes, node: TierProcess) -> bool:
    """Whether *node* has sent a resync to a slow client."""
    async with changes.stack.http.get(f"{node.management}/metrics") as answer:
        return 'catchall_change_resyncs_total{reason="too_slow"}' in await answer.text()


async def test_a_stopping_node_ends_its_streams_at_once(changes: Changes) -> None:
    """With readers and a client that does not read: status 0 well before the drain limit."""
    node = await start_node(changes, QUERY_DRAIN_SECONDS="20")
    streams = [await EventStream.open(node.url) for _ in range(20)]
    streams[0].transport.pause_reading()
    await changes.write(changes.bounces(2_000, "stop"))
    async with asyncio.timeout(10):
        assert await node.stop() == 0
    await streams[1].until(streams[1].closed.is_set)
    assert streams[1].last_id
    streams[0].close()


async def test_streams_have_heartbeats_and_a_maximum_age(changes: Changes) -> None:
    """So dead connections are noticed, and clients find new nodes, where they resume."""
    node = await start_node(
        changes, QUERY_CHANGES_HEARTBEAT_SECONDS="1", QUERY_CHANGES_CONNECTION_SECONDS="4"
    )
    stream = await EventStream.open(node.url)
    await stream.until(lambda: stream.comments >= 3)
    assert not stream.closed.is_set()
    await stream.until(stream.closed.is_set)
    await changes.write(missed := changes.bounces(1, "aged"))
    again = await EventStream.open(node.url, stream.last_id)
    await again.until(lambda: domains(again) == names(missed))
    again.close()
    await node.stop()


async def test_a_node_without_kafka_serves_everything_but_the_feed(changes: Changes) -> None:
    """It is ready, reports the failure, and stops as usual."""
    node = await changes.stack.query(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    async with changes.stack.http.get(f"{node.url}/domains/a.example") as answer:
        assert answer.status == 200
    async with changes.stack.http.get(f"{node.url}/changes") as answer:
        assert answer.status == 200
        assert re.fullmatch(
            r": this node has not caught up with the changes yet\nretry: [123]\d{3}\n\n",
            await answer.text(),
        )

    async def is_late() -> bool:
        async with changes.stack.http.get(f"{node.management}/metrics") as answer:
            return "catchall_change_late 1.0" in await answer.text()

    await until(is_late)
    assert await node.stop() == 0


async def test_a_thousand_clients_get_every_change_once_and_in_order(
    changes: Changes, feed_node: TierProcess
) -> None:
    """At 500 changes a second: all receive the same bytes, with each change once."""
    reference = await EventStream.open(feed_node.url)
    streams: list[EventStream] = []
    for _ in range(CLIENTS // 50):
        streams += await asyncio.gather(
            *(EventStream.open(feed_node.url, digest_only=True) for _ in range(50))
        )
    await changes.write(changes.bounces(1, "begin"))
    await reference.until(lambda: bool(reference.changes))
    at = len(reference.events)
    await asyncio.sleep(1)
    for stream in (reference, *streams):
        stream.mark()
    written: list[Change] = []
    for _ in range(SECONDS * 10):
        half = changes.bounces(RATE // 20, "many")
        # Two changes of each domain. By the time that the first is looked at, the second may be
        # known: then it alone is news.
        for change in half:
            await changes.count(change.domain, 1001, 0)
        await changes.write([catch_all(change.domain) for change in half])
        await changes.write(half)
        written += half
        await asyncio.sleep(0.02)
    await changes.write(last := changes.bounces(1, "finish"))
    await reference.until(lambda: domains(reference)[-1:] == names(last), 120)
    await reference.until(lambda: all(s.length >= reference.length for s in streams))

    assert {stream.digest for stream in streams} == {reference.digest}
    sent: dict[str, list[str]] = defaultdict(list)
    for event in reference.events[at:]:
        if event.kind == "message":
            sent[event.data["domain"]].append(event.data["status"])
    del sent[names(last)[0]]
    assert sorted(sent) == sorted(names(written))
    both = ("catch-all", "not catch-all")
    assert {tuple(statuses) for statuses in sent.values()} <= {both, both[1:]}
    for stream in (reference, *streams):
        stream.close()
