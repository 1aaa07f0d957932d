"""The feed of a real query node; the test appends changes to the topic as workers do."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

import pytest

from tests.clients.event_stream import EventStream
from tests.clients.raw_client import RawConnection
from tests.contract.harness.change_feed import (
    Changes,
    bounce,
    catch_all,
    domains,
    names,
    start_node,
)
from tests.tiers.stack import TierProcess

BEGINNING = ".".join("0000")


async def test_a_change_has_the_fields_of_the_answer_of_get(
    changes: Changes, feed_node: TierProcess
) -> None:
    """Its event type is the default, the one of `onmessage`."""
    stream = await EventStream.open(feed_node.url)
    await changes.count("changed.example", 1001, 0)
    await changes.write([catch_all("changed.example")])
    await stream.until(lambda: len(stream.changes) == 1)
    await changes.count("changed.example", 0, 1)
    await changes.write([bounce("changed.example")])
    await stream.until(lambda: len(stream.changes) == 2)

    async with changes.stack.http.get(f"{feed_node.url}/domains/changed.example") as answer:
        now = await answer.json()
    assert b"Content-Type: text/event-stream\r\n" in stream.head
    assert b"Cache-Control: no-store\r\n" in stream.head
    assert b"X-Accel-Buffering: no\r\n" in stream.head
    assert [change["status"] for change in stream.changes] == ["catch-all", "not catch-all"]
    assert stream.changes[1] == now
    assert 1_000 <= stream.retry_ms <= 3_000
    stream.close()


async def test_a_new_client_starts_now_and_can_resume_before_any_event(
    changes: Changes, feed_node: TierProcess
) -> None:
    """It does not receive earlier changes, but those from while it is away."""
    old, new = changes.bounces(3, "before"), changes.bounces(3, "while-away")
    other = await EventStream.open(feed_node.url)
    await other.until(lambda: bool(other.last_id))
    await changes.write(old)
    # The node has sent all of them, of every partition, before the new client connects.
    await other.until(lambda: sorted(domains(other)) == names(old))
    first = await EventStream.open(feed_node.url)
    await first.until(lambda: bool(first.last_id))
    first.close()
    await changes.write(new)
    again = await EventStream.open(feed_node.url, first.last_id)
    await again.until(lambda: len(again.changes) >= 3)

    assert first.changes == []
    assert sorted(domains(again)) == names(new)
    other.close()
    again.close()


@pytest.mark.parametrize(
    "environment",
    [{}, {"QUERY_CHANGES_HISTORY_RECORDS": "0", "QUERY_CHANGES_RING_BYTES": "1"}],
    ids=["from memory", "from Kafka"],
)
async def test_a_client_of_a_killed_node_resumes_at_another_one(
    changes: Changes, environment: Mapping[str, str]
) -> None:
    """In mid-stream: no change is lost or sent twice, whatever the other node has in memory."""
    written = changes.bounces(400, "restart")

    async def write() -> None:
        for start in range(0, len(written), 20):
            await changes.write(written[start : start + 20])
            await asyncio.sleep(0.05)

    first = await start_node(changes, **environment)
    stream = await EventStream.open(first.url)
    await stream.until(lambda: bool(stream.last_id))
    writing = asyncio.create_task(write())
    await stream.until(lambda: len(stream.changes) > 50)
    await first.kill()
    await stream.closed.wait()
    second = await start_node(changes, **environment)
    again = await EventStream.open(second.url, stream.last_id)
    await writing
    await again.until(lambda: len(stream.changes + again.changes) >= len(written))
    await changes.write(last := changes.bounces(1, "last"))
    await again.until(lambda: domains(again)[-1:] == names(last))

    got = domains(stream) + domains(again)[:-1]
    assert len(stream.changes) < len(written)
    assert sorted(got) == sorted(names(written))
    again.close()
    assert await second.stop() == 0


async def test_duplicates_and_outdated_changes_are_not_sent(
    changes: Changes, feed_node: TierProcess
) -> None:
    """A change written twice is sent once; an outdated change after a newer one is not sent."""
    stream = await EventStream.open(feed_node.url)
    await changes.count("zombie.example", 1001, 0)
    await changes.count("never.example", 10, 0)
    await changes.write([catch_all("zombie.example")] * 3 + [catch_all("never.example")])
    await stream.until(lambda: bool(stream.changes))
    await changes.count("zombie.example", 0, 1)
    await changes.write([bounce("zombie.example")] * 2 + [catch_all("zombie.example")])
    await changes.topic.append(0, [(b"poison", b"\xc1"), (b"\xff", b"")])
    await changes.write(last := changes.bounces(8, "end"))
    await stream.until(lambda: set(names(last)) <= set(domains(stream)))

    sent = [(c["domain"], c["status"]) for c in stream.changes if c["domain"] not in names(last)]
    assert sent == [("zombie.example", "catch-all"), ("zombie.example", "not catch-all")]
    stream.close()


async def test_a_new_client_may_begin_with_the_last_changes(
    changes: Changes, feed_node: TierProcess
) -> None:
    """By the times of their events, also at a node that started after them."""
    now = int(time.time() * 1000)  # later than the events of all other changes
    written = [replace(each, appended_at=now) for each in changes.bounces(12, "recent")]
    watcher = await EventStream.open(feed_node.url)
    await watcher.until(lambda: bool(watcher.last_id))
    await changes.write(written)
    await watcher.until(lambda: set(names(written)) <= set(domains(watcher)))
    started = await start_node(changes)
    for url in (feed_node.url, started.url):
        stream = await EventStream.open(url, query="?recent=100")
        await stream.until(lambda: bool(stream.last_id))  # noqa: B023 awaited in the same turn
        (recent,) = stream.named("recent")
        assert len(recent) <= 100
        assert set(names(written)) <= {each["answer"]["domain"] for each in recent}
        assert stream.changes == []
        stream.close()
    watcher.close()
    assert await started.stop() == 0


@pytest.mark.parametrize("text", ["0", "101", "-1", "1e1", "\u0661", "", "9" * 5_000])
async def test_an_invalid_number_of_recent_changes_is_refused(
    feed_node: TierProcess, text: str
) -> None:
    """With 400 and the limits."""
    wire = await RawConnection.open(feed_node.url)
    target = f"/changes?recent={quote(text)}"
    answer = await wire.ask(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    assert (answer.status, answer.code) == (400, "invalid_parameter")
    wire.close()


@pytest.mark.parametrize("text", ["1.", "-1", "01.0", "1.g", "1,2", "1" * 40, "0.0.0.0.x"])
async def test_an_invalid_id_is_refused(feed_node: TierProcess, text: str) -> None:
    """With 400: no node has sent it."""
    wire = await RawConnection.open(feed_node.url)
    answer = await wire.ask(
        f"GET /changes HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {text}\r\n\r\n".encode()
    )
    assert (answer.status, answer.code) == (400, "invalid_last_event_id")
    wire.close()


@pytest.mark.parametrize("last_id", ["ffffff.0.0.0", "0.0.0.0.5"])
async def test_offsets_beyond_the_topic_are_answered_with_a_resync(
    changes: Changes, feed_node: TierProcess, last_id: str
) -> None:
    """The client reads its domains again and goes on from the new id."""
    stream = await EventStream.open(feed_node.url, last_id)
    await stream.until(lambda: bool(stream.resyncs))
    assert stream.resyncs == [{"reason": "out_of_range"}]
    await changes.write(new := changes.bounces(2, "after-resync"))
    await stream.until(lambda: len(stream.changes) == 2)
    assert sorted(domains(stream)) == names(new)
    stream.close()


async def test_a_client_that_missed_too_much_must_resync(changes: Changes) -> None:
    """A replay from Kafka has a limit of records."""
    await changes.write(changes.bounces(40, "long-away"))
    node = await start_node(
        changes, QUERY_CHANGES_HISTORY_RECORDS="0", QUERY_CHANGES_REPLAY_RECORDS="30"
    )
    stream = await EventStream.open(node.url, BEGINNING)
    await stream.until(lambda: bool(stream.resyncs))
    assert stream.resyncs == [{"reason": "too_far_behind"}]
    stream.close()
    await node.stop()
