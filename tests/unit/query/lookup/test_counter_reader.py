"""How reads of domains are combined into requests, and which reads are refused."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from query.lookup.counter_reader import (
    DOMAINS_PER_REQUEST,
    CassandraCounterReader,
    ReadBounds,
)
from shared.cassandra.failures import ReadFailedError
from shared.cassandra.session import Session
from shared.errors import NodeFullError, StoreUnavailableError
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.partitioning import bucket_of
from tests.fakes.clock import Clock

WAIT_SECONDS = 0.1
BUCKETS = 2**20


@dataclass(frozen=True, slots=True)
class Row:
    """A row as the driver returns it."""

    domain: str
    delivered: int
    log: str = "log/0"
    bounced: int | None = None
    applied_offset: int = 1


@dataclass(slots=True)
class Statement:
    """A statement, bound to domains."""

    domains: Sequence[str] = ()

    def bind(self, values: tuple[Sequence[int], Sequence[str]]) -> "Statement":
        """Return it bound."""
        buckets, domains = values
        assert set(buckets) == {bucket_of(domain, BUCKETS) for domain in domains}
        return Statement(domains)


@dataclass(slots=True)
class FakeSession:
    """A session whose requests wait until the test answers them.

    A domain counts as many events as its name has characters; the buckets in
    ``far`` have replicas of their own.
    """

    keyspace: str = "k"
    broken: set[str] = field(default_factory=set)
    far: set[int] = field(default_factory=set)
    requests: list[tuple[list[str], asyncio.Event]] = field(default_factory=list)
    error: Exception | None = None

    async def prepare(self, _: str) -> Statement:
        """See Session."""
        return Statement()

    async def require(self, *_: str) -> None:
        """See Session."""

    def replicas_of(self, routing_key: bytes) -> tuple[str, ...]:
        """See Session."""
        return ("far",) if int.from_bytes(routing_key) in self.far else ("near",)

    async def read(self, statement: Any) -> Sequence[Row]:
        """See Session."""
        domains = list(statement.domains)
        answered = asyncio.Event()
        self.requests.append((sorted(domains), answered))
        await answered.wait()
        if self.error is not None:
            raise self.error
        if self.broken & set(domains):
            raise ReadFailedError("too many tombstones")
        return [Row(domain, len(domain)) for domain in domains]

    async def answer(self, *numbers: int) -> None:
        """Answer the requests with these numbers."""
        for number in numbers:
            self.requests[number][1].set()
        await settle()

    def sizes(self) -> list[int]:
        """Return the number of domains of each request."""
        return [len(domains) for domains, _ in self.requests]


async def settle() -> None:
    """Run all tasks until each of them waits."""
    for _ in range(10):
        await asyncio.sleep(0)


async def open_reader(
    session: FakeSession,
    *,
    at_once: int = 2,
    in_flight: int = 4,
    waiting: int = 1000,
    clock: Clock | None = None,
) -> CassandraCounterReader:
    """Return a reader with these bounds."""
    bounds = ReadBounds(
        at_once=at_once, in_flight=in_flight, waiting=waiting, wait_seconds=WAIT_SECONDS
    )
    return await CassandraCounterReader.prepare(
        cast(Session, session), BUCKETS, bounds, clock or Clock()
    )


async def start(reader: CassandraCounterReader, *names: str) -> list["asyncio.Task[Counters]"]:
    """Return reads of *names* that have run until they wait."""
    reads = [asyncio.create_task(reader.read(DomainName(name))) for name in names]
    await settle()
    return reads


def many(letter: str, number: int) -> list[str]:
    """Return names with the same replicas."""
    return [f"{letter}{n:04}.example" for n in range(number)]


async def test_a_read_is_sent_at_once_below_the_limit() -> None:
    """Alone, if no other read starts at the same time."""
    session = FakeSession()
    reader = await open_reader(session)
    (first,) = await start(reader, "a.example")
    assert reader.idle
    (second,) = await start(reader, "aa.example")
    assert not reader.idle
    assert session.sizes() == [1, 1]
    await session.answer(0, 1)
    assert (await first, await second) == (Counters(9), Counters(10))
    assert reader.idle


async def test_simultaneous_reads_share_requests() -> None:
    """A request has a bounded size; each read gets the counters of its domain."""
    session = FakeSession()
    reader = await open_reader(session)
    names = ["a" * (n + 1) + ".example" for n in range(DOMAINS_PER_REQUEST + 3)]
    reads = await start(reader, *names)
    assert session.sizes() == [DOMAINS_PER_REQUEST, 3]
    await session.answer(0, 1)
    assert [(await read).delivered for read in reads] == [len(name) for name in names]


async def test_waiting_reads_share_the_next_request() -> None:
    """The more reads wait, the less each costs."""
    session = FakeSession()
    reader = await open_reader(session, at_once=1)
    await start(reader, "a.example")
    for name in many("a", 5):
        await start(reader, name)
    assert session.sizes() == [1]
    await session.answer(0)
    assert session.sizes() == [1, 5]
    await session.answer(1)


async def test_only_neighbours_go_together_and_take_turns() -> None:
    """One request is for one set of replicas; nobody's neighbours wait for all of another's."""
    session = FakeSession(far={bucket_of("b.example", BUCKETS)})
    reader = await open_reader(session, at_once=1)
    await start(reader, *many("a", 2 * DOMAINS_PER_REQUEST), "b.example")
    for number in range(3):
        await session.answer(number)
    letters = [{name[0] for name in names} for names, _ in session.requests]
    assert letters == [{"a"}, {"b"}, {"a"}]


async def test_a_slow_request_allows_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Up to a limit in all: one slow domain does not stop the reads of others."""
    monkeypatch.setattr("query.lookup.counter_reader.SLOW_SECONDS", 0.0)
    session = FakeSession()
    reader = await open_reader(session, at_once=1, in_flight=3)
    for name in many("a", 5):
        await start(reader, name)
        await settle()
    assert session.sizes() == [1, 1, 1]
    await session.answer(0)
    assert session.sizes() == [1, 1, 1, 2]
    await session.answer(1, 2, 3)
    assert reader.idle


async def test_a_domain_that_cannot_be_read_fails_alone() -> None:
    """The domains of a failed request are read one by one."""
    session = FakeSession(broken={"abad.example"})
    reader = await open_reader(session)
    good, bad, better = await start(reader, "a.example", "abad.example", "aa.example")
    await session.answer(0)
    assert session.sizes() == [3, 1, 1, 1]
    await session.answer(1, 2, 3)
    assert ((await good).delivered, (await better).delivered) == (9, 10)
    with pytest.raises(StoreUnavailableError, match="tombstones"):
        await bad


async def test_a_request_is_not_repeated_while_cassandra_is_away() -> None:
    """Each waiting read gets a separate error."""
    session = FakeSession(error=StoreUnavailableError("no answer"))
    reader = await open_reader(session)
    reads = await start(reader, "a.example", "aa.example")
    await session.answer(0)
    assert session.sizes() == [2]
    errors = [read.exception() for read in reads]
    assert [type(error) for error in errors] == [StoreUnavailableError] * 2
    assert errors[0] is not errors[1]
    assert reader.idle


async def test_a_defect_fails_the_reads_of_its_request() -> None:
    """They do not wait for ever, and it does not look like an outage of Cassandra."""
    session = FakeSession(error=TypeError("a defect"))
    reader = await open_reader(session)
    reads = await start(reader, "a.example", "aa.example")
    await session.answer(0)
    assert [type(read.exception()) for read in reads if read.done()] == [TypeError] * 2
    assert reader.idle


async def test_a_read_beyond_the_limit_of_waiting_reads_is_refused() -> None:
    """At once; there is room again when the waiting reads are sent."""
    session = FakeSession()
    reader = await open_reader(session, at_once=1, waiting=2)
    await start(reader, "a.example")
    await start(reader, *many("a", 2))
    assert reader.room == 0
    with pytest.raises(NodeFullError):
        await reader.read(DomainName("more.example"))
    await session.answer(0)
    assert reader.room == 2
    await session.answer(1)


async def test_a_read_that_waits_too_long_is_refused() -> None:
    """When its turn comes; new reads are refused at once meanwhile."""
    session = FakeSession()
    clock = Clock()
    reader = await open_reader(session, at_once=1, clock=clock)
    await start(reader, "a.example")
    (late,) = await start(reader, "aa.example")
    clock.now += WAIT_SECONDS * 1.1
    assert reader.room == 0
    await session.answer(0)
    assert isinstance(late.exception(), NodeFullError)
    assert session.sizes() == [1]
    assert reader.room == 1000
    assert reader.idle


async def test_a_read_is_not_refused_because_the_event_loop_was_slow() -> None:
    """Nor are new reads refused meanwhile."""
    session = FakeSession()
    clock = Clock()
    reader = await open_reader(session, at_once=1, clock=clock)
    read = asyncio.create_task(reader.read(DomainName("a.example")))
    asyncio.get_running_loop().call_soon(setattr, clock, "now", clock.now + 1)
    asyncio.get_running_loop().call_soon(lambda: rooms.append(reader.room))
    rooms: list[int] = []
    await settle()
    await session.answer(0)
    assert (await read, rooms) == (Counters(9), [999])


async def test_a_cancelled_read_is_not_sent() -> None:
    """Nor does it count for the limit."""
    session = FakeSession()
    reader = await open_reader(session, at_once=1)
    await start(reader, "a.example")
    gone, _ = await start(reader, "aa.example", "aaa.example")
    gone.cancel()
    await session.answer(0)
    assert session.requests[1][0] == ["aaa.example"]
    await session.answer(1)
