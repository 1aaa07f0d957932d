"""The feed of a real query node: its changes are written into the topic as workers do."""

import asyncio
import functools
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio

from shared import cassandra, kafka
from shared.cassandra import Session
from shared.change import Change, encode
from shared.config import CassandraConfig, KafkaConfig
from shared.counter import Counters
from shared.domain import DomainName
from shared.kafka import Topic
from shared.partitioning import partition_of
from shared.record import KeyValue
from tests.system.event_stream import EventStream
from tests.system.raw_client import RawConnection
from tests.system.stack import Stack, TierProcess

CLIENTS = 1_000
RATE = 500
SECONDS = 4
COUNT = (
    "UPDATE {}.domain_counters SET delivered = delivered + ?, bounced = bounced + ?,"
    " applied_offset = applied_offset + 1 WHERE domain = ? AND log = 'log/0'"
    " AND writer = 5f1c1a3e-0000-1000-8000-000000000000"
)
BEGINNING = ".".join("0000")


@dataclass(slots=True)
class Changes:
    """A stack of query nodes, the topic they follow, and the store they ask."""

    stack: Stack
    topic: Topic
    session: Session
    counting: Any
    numbers: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    async def write(self, changes: Sequence[Change]) -> None:
        """Append *changes*, each to the partition of its domain."""
        groups: dict[int, list[KeyValue]] = defaultdict(list)
        for change in changes:
            groups[partition_of(change.domain, self.topic.partitions)].append(encode(change))
        await asyncio.gather(*(self.topic.append(at, group) for at, group in groups.items()))

    async def count(self, domain: str, delivered: int, bounced: int) -> None:
        """Let the store know these counters of *domain*."""
        await self.session.write(self.counting.bind((delivered, bounced, domain)))

    def bounces(self, count: int, prefix: str) -> list[Change]:
        """Return changes of *count* new domains to "not catch-all"."""
        first = self.numbers[prefix]
        self.numbers[prefix] += count
        return [bounce(f"{prefix}{number}.example") for number in range(first, first + count)]


def bounce(domain: str) -> Change:
    """Return a change of *domain* to "not catch-all"."""
    return Change(DomainName(domain), "log/0", Counters(0, 1), 1_700_000_000_000)


def catch_all(domain: str) -> Change:
    """Return a change of *domain* to "catch-all"."""
    return Change(DomainName(domain), "log/0", Counters(1001, 0), 1_700_000_000_000)


def domains(stream: EventStream) -> list[str]:
    """Return the domains of the changes that *stream* got."""
    return [change["domain"] for change in stream.changes]


def has(stream: EventStream, count: int) -> bool:
    """Whether *stream* got that many changes."""
    return len(stream.changes) >= count


def names(changes: Sequence[Change]) -> list[str]:
    """Return the domains of *changes*."""
    return [change.domain for change in changes]


@pytest_asyncio.fixture(scope="module")
async def changes(
    server_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Changes]:
    """An empty topic and keyspace; the tests start nodes of their own."""
    folder = tmp_path_factory.mktemp("changes")
    overrides = {"KAFKA_PARTITIONS": "4"}
    async with Stack("changes", folder, server_environment, overrides) as stack:
        config = KafkaConfig(bootstrap_servers=server_environment["KAFKA_BOOTSTRAP_SERVERS"])
        store = CassandraConfig(
            contact_points=server_environment["CASSANDRA_CONTACT_POINTS"],
            keyspace=stack.name.replace("-", "_"),
        )
        async with (
            kafka.open_topic(config, f"{stack.name}-changes") as topic,
            cassandra.open_session(store) as session,
        ):
            counting = await session.prepare(COUNT.format(session.keyspace))
            yield Changes(stack, topic, session, counting)


@pytest_asyncio.fixture
async def node(changes: Changes) -> AsyncIterator[TierProcess]:
    """A node with the default settings, whose feed is ready."""
    started = await start_node(changes)
    yield started
    await started.stop()


async def start_node(changes: Changes, **environment: str) -> TierProcess:
    """Start a query node and return it when it serves changes."""
    started = await changes.stack.query(**environment)
    async with asyncio.timeout(20):
        while True:
            stream = await EventStream.open(started.url)
            stream.close()
            if stream.status == 200:
                return started
            await asyncio.sleep(0.05)


async def test_a_change_is_told_as_the_answer_that_a_get_gives(
    changes: Changes, node: TierProcess
) -> None:
    """Its data has the fields of the answer, its kind is the one of `onmessage`."""
    stream = await EventStream.open(node.url)
    await changes.count("told.example", 1001, 0)
    await changes.write([catch_all("told.example")])
    await stream.until(lambda: len(stream.changes) == 1)
    await changes.count("told.example", 0, 1)
    await changes.write([bounce("told.example")])
    await stream.until(lambda: len(stream.changes) == 2)

    async with changes.stack.http.get(f"{node.url}/domains/told.example") as answer:
        now = await answer.json()
    assert b"Content-Type: text/event-stream\r\n" in stream.head
    assert b"Cache-Control: no-store\r\n" in stream.head
    assert b"X-Accel-Buffering: no\r\n" in stream.head
    assert [change["status"] for change in stream.changes] == ["catch-all", "not catch-all"]
    assert stream.changes[1] == now
    assert 1_000 <= stream.retry_ms <= 3_000
    stream.close()


async def test_a_new_client_starts_now_and_can_resume_before_any_event(
    changes: Changes, node: TierProcess
) -> None:
    """What was before it is not told; what comes while it is away is."""
    old, new = changes.bounces(3, "before"), changes.bounces(3, "while-away")
    await changes.write(old)
    other = await EventStream.open(node.url)
    await changes.write(changes.bounces(1, "mark"))
    await other.until(lambda: bool(other.changes))
    first = await EventStream.open(node.url)
    await first.until(lambda: bool(first.last_id))
    first.close()
    await changes.write(new)
    again = await EventStream.open(node.url, first.last_id)
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
async def test_a_client_goes_on_at_another_node_when_its_own_was_killed(
    changes: Changes, environment: Mapping[str, str]
) -> None:
    """In mid-stream: nothing is lost, nothing is told twice, whatever the new node remembers."""
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


async def test_repeats_and_zombies_in_the_log_are_not_told(
    changes: Changes, node: TierProcess
) -> None:
    """A change that is written twice is told once, an older truth after a newer one never."""
    stream = await EventStream.open(node.url)
    await changes.count("zombie.example", 1001, 0)
    await changes.count("never.example", 10, 0)
    await changes.write([catch_all("zombie.example")] * 3 + [catch_all("never.example")])
    await stream.until(lambda: bool(stream.changes))
    await changes.count("zombie.example", 0, 1)
    await changes.write([bounce("zombie.example")] * 2 + [catch_all("zombie.example")])
    await changes.topic.append(0, [(b"poison", b"\xc1"), (b"\xff", b"")])
    await changes.write(last := changes.bounces(8, "end"))
    await stream.until(lambda: set(names(last)) <= set(domains(stream)))

    told = [(c["domain"], c["status"]) for c in stream.changes if c["domain"] not in names(last)]
    assert told == [("zombie.example", "catch-all"), ("zombie.example", "not catch-all")]
    stream.close()


@pytest.mark.parametrize("text", ["1.", "-1", "01.0", "1.g", "1,2", "1" * 40, "0.0.0.0.x"])
async def test_an_id_that_no_node_has_said_is_refused(node: TierProcess, text: str) -> None:
    """400, as whoever sends it is not reading what we tell."""
    wire = await RawConnection.open(node.url)
    answer = await wire.ask(
        f"GET /changes HTTP/1.1\r\nHost: h\r\nLast-Event-ID: {text}\r\n\r\n".encode()
    )
    assert (answer.status, answer.code) == (400, "invalid_last_event_id")
    wire.close()


@pytest.mark.parametrize("last_id", ["ffffff.0.0.0", "0.0.0.0.5"])
async def test_offsets_beyond_the_topic_are_answered_with_a_resync(
    changes: Changes, node: TierProcess, last_id: str
) -> None:
    """The client reads its domains anew and goes on from the id that it is given."""
    stream = await EventStream.open(node.url, last_id)
    await stream.until(lambda: bool(stream.resyncs))
    assert stream.resyncs == [{"reason": "out_of_range"}]
    await changes.write(new := changes.bounces(2, "after-resync"))
    await stream.until(lambda: len(stream.changes) == 2)
    assert sorted(domains(stream)) == names(new)
    stream.close()


async def test_who_was_away_for_too_long_has_to_read_anew(changes: Changes) -> None:
    """Kafka is read again for so many records, and no more."""
    await changes.write(changes.bounces(40, "long-away"))
    node = await start_node(
        changes, QUERY_CHANGES_HISTORY_RECORDS="0", QUERY_CHANGES_REPLAY_RECORDS="30"
    )
    stream = await EventStream.open(node.url, BEGINNING)
    await stream.until(lambda: bool(stream.resyncs))
    assert stream.resyncs == [{"reason": "too_far_behind"}]
    stream.close()
    await node.stop()


async def test_a_head_tells_what_a_get_would_be(node: TierProcess) -> None:
    """The headers, without a stream."""
    wire = await RawConnection.open(node.url)
    await wire.send(b"HEAD /changes HTTP/1.1\r\nHost: h\r\n\r\n")
    head = await wire.rest()
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Content-Type: text/event-stream\r\n" in head
    assert head.endswith(b"\r\n\r\n")
    wire.close()


async def test_no_more_clients_than_may_listen(changes: Changes) -> None:
    """One more is told to come again; when one leaves there is room."""
    node = await start_node(changes, QUERY_CHANGES_MAX_CLIENTS="2")
    request = b"GET /changes HTTP/1.1\r\nHost: h\r\n\r\n"
    await asyncio.sleep(1.5)
    streams = [await EventStream.open(node.url) for _ in range(2)]
    assert [stream.status for stream in streams] == [200, 200]
    wire = await RawConnection.open(node.url)
    refusal = await wire.ask(request)
    assert (refusal.status, refusal.code) == (503, "too_many_clients")
    assert refusal.headers["retry-after"] == "1"
    streams[0].close()
    async with asyncio.timeout(10):
        while (third := await EventStream.open(node.url)).status != 200:
            third.close()
            await asyncio.sleep(0.1)
    for stream in (streams[1], third):
        stream.close()
    wire.close()
    await node.stop()


async def test_a_client_that_does_not_read_loses_its_stream_and_no_one_else(
    changes: Changes,
) -> None:
    """It finds a resync at its end; whoever reads gets all."""
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
    """Whether *node* has told a client that it is too slow."""
    async with changes.stack.http.get(f"{node.management}/metrics") as answer:
        return 'catchall_change_resyncs_total{reason="too_slow"}' in await answer.text()


async def test_a_node_that_stops_ends_its_streams_at_once(changes: Changes) -> None:
    """SIGTERM with readers and one that reads nothing: status 0 well before the drain's limit."""
    node = await start_node(changes, QUERY_DRAIN_SECONDS="20")
    streams = [await EventStream.open(node.url) for _ in range(20)]
    streams[0].transport.pause_reading()
    await changes.write(changes.bounces(2_000, "stop"))
    async with asyncio.timeout(10):
        assert await node.stop() == 0
    await streams[1].until(streams[1].closed.is_set)
    assert streams[1].last_id
    streams[0].close()


async def test_streams_carry_heartbeats_and_end_when_they_are_old(changes: Changes) -> None:
    """So that a dead connection is noticed, and clients find new nodes; they resume."""
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


async def test_a_node_without_kafka_answers_all_but_its_feed(changes: Changes) -> None:
    """It is ready, says what it cannot do, and ends as it should."""
    node = await changes.stack.query(KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1")
    async with changes.stack.http.get(f"{node.url}/domains/a.example") as answer:
        assert answer.status == 200
    async with changes.stack.http.get(f"{node.url}/changes") as refusal:
        assert (refusal.status, (await refusal.json())["code"]) == (503, "changes_unavailable")
    async with changes.stack.http.get(f"{node.management}/metrics") as answer:
        assert "catchall_change_late 1.0" in await answer.text()
    assert await node.stop() == 0


async def test_a_thousand_clients_get_every_change_once_and_in_order(
    changes: Changes, node: TierProcess
) -> None:
    """At 500 changes a second: all get the same bytes, and these hold each change once."""
    reference = await EventStream.open(node.url)
    streams: list[EventStream] = []
    for _ in range(CLIENTS // 50):
        streams += await asyncio.gather(
            *(EventStream.open(node.url, digest_only=True) for _ in range(50))
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
    told: dict[str, list[str]] = defaultdict(list)
    for event in reference.events[at:]:
        if event.kind == "message":
            told[event.data["domain"]].append(event.data["status"])
    del told[names(last)[0]]
    assert sorted(told) == sorted(names(written))
    both = ("catch-all", "not catch-all")
    assert {tuple(statuses) for statuses in told.values()} <= {both, both[1:]}
    for stream in (reference, *streams):
        stream.close()
