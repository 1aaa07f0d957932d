"""How the pulse is collected from sources that work and that fail."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

from query.pulse.collector import PulseCollector
from query.pulse.ingest_document import IngestDocument
from query.pulse.route import PulseHandlers
from query.pulse.scrape import Scrape, Tier, Total
from query.pulse.sources import PartitionOffsets, SourceError, TargetState
from shared.config import Address
from shared.http.application import build_application
from tests.fakes.requests import ask, json_of

INGEST, WORKER = ("127.0.0.1", 9080), ("127.0.0.1", 9082)


@dataclass(slots=True)
class Fakes:
    """Targets, a topic and a clock that a test sets."""

    states: dict[Address, TargetState | SourceError]
    log: dict[int, PartitionOffsets] | SourceError = field(default_factory=dict)
    now: float = 100.0
    scrapes: int = 0
    scraped_names: set[str] = field(default_factory=set)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    names: dict[str, list[str]] = field(default_factory=dict)
    """Of several addresses each."""

    def __post_init__(self) -> None:
        self.may_answer.set()

    def collector(self) -> PulseCollector:
        """Return a collector over these."""
        hidden = {address for several in self.names.values() for address in several}
        named = [(name, 9082) for name in self.names]
        shown = [at for at in self.states if at[0] not in hidden]
        return PulseCollector([*shown, *named], self, self, lambda: self.now, self.resolve_host)

    async def resolve_host(self, host: str) -> list[str]:
        """Return the addresses of a name."""
        return self.names.get(host, [host])

    async def scrape(self, address: Address, name: str) -> TargetState:
        """See Targets."""
        self.scraped_names.add(name)
        self.scrapes += 1
        await self.may_answer.wait()
        found = self.states[address]
        if isinstance(found, SourceError):
            raise found
        return found

    async def read_document(self, address: Address, name: str) -> bytes:
        """See Targets."""
        raise SourceError(f"{name} has none at {address}")

    async def read_offsets(self) -> dict[int, PartitionOffsets]:
        """See EventTopic."""
        if isinstance(self.log, SourceError):
            raise self.log
        return self.log


def target(
    tier: Tier,
    totals: Mapping[Total, float] | None = None,
    *,
    lags: Mapping[int, int] | None = None,
    ready: bool = True,
) -> TargetState:
    """Return the state of a process."""
    return TargetState(ready, Scrape(tier, dict(totals or {}), {}, dict(lags or {})))


def app_of(collector: PulseCollector) -> web.Application:
    """Return the routes of the pulse."""
    document = IngestDocument(collector, Fakes({}), lambda: 0.0)
    return build_application(PulseHandlers(collector, document, 10.0).routes())


async def test_the_node_collects_while_nobody_looks() -> None:
    """So a new visitor sees the last minutes at once, and a sick source stops nothing."""
    fakes = Fakes({INGEST: target(Tier.INGEST, {Total.EVENTS_IN: 100})})
    collector = fakes.collector()
    collecting = asyncio.create_task(collector.run(every_seconds=0.0))
    for scrapes in (1, 2, 3):
        while fakes.scrapes < scrapes or len(collector.history.after(0.0)) < scrapes:
            await asyncio.sleep(0)
        fakes.now += 1
        fakes.log = SourceError("no answer: TimeoutError")
    collecting.cancel()
    response = await ask(app_of(collector), "GET", "/rates")
    found = json_of(response)
    assert (response.status, response.headers["Cache-Control"]) == (200, "no-store")
    assert found["every_seconds"] == 10.0
    assert [point["rates"]["events_in"] for point in found["points"][:3]] == [None, 0.0, 0.0]
    assert [point["lag"] for point in found["points"][:3]] == [None] * 3


async def test_the_rates_after_a_time_are_read_alone() -> None:
    """A page has the points before; a request collects a new one."""
    fakes = Fakes({WORKER: target(Tier.WORKER, lags={0: 4, 7: 2})})
    collector = fakes.collector()
    first = await collector.current()
    fakes.now += 2
    found = json_of(await ask(app_of(collector), "GET", f"/rates?after={first.at!r}"))
    assert [point["lag"] for point in found["points"]] == [6]
    assert found["points"][0]["at"] > first.at
    refused = await ask(app_of(collector), "GET", "/rates?after=noon")
    assert (refused.status, json_of(refused)["code"]) == (400, "invalid_parameter")


async def test_a_rate_needs_two_collections() -> None:
    """The first has no interval and no rates."""
    fakes = Fakes({INGEST: target(Tier.INGEST, {Total.EVENTS_IN: 100})})
    collector = fakes.collector()
    first = await collector.current()
    assert (first.over_seconds, first.rates[Total.EVENTS_IN]) == (None, None)
    fakes.now += 2
    fakes.states[INGEST] = target(Tier.INGEST, {Total.EVENTS_IN: 150})
    second = await collector.current()
    assert (second.over_seconds, second.rates[Total.EVENTS_IN]) == (2.0, 25.0)


async def test_a_long_pause_starts_the_rates_again() -> None:
    """A rate over that interval would not describe the present."""
    fakes = Fakes({INGEST: target(Tier.INGEST, {Total.EVENTS_IN: 100})})
    collector = fakes.collector()
    await collector.current()
    fakes.now += 60
    assert (await collector.current()).rates[Total.EVENTS_IN] is None


async def test_all_viewers_share_one_collection_a_second() -> None:
    """The sources are read once a second, for any number of viewers."""
    fakes = Fakes({INGEST: target(Tier.INGEST)})
    collector = fakes.collector()
    fakes.may_answer.clear()
    looks = [asyncio.create_task(collector.current()) for _ in range(50)]
    await asyncio.sleep(0)
    fakes.may_answer.set()
    assert len({id(pulse) for pulse in await asyncio.gather(*looks)}) == 1
    fakes.now += 0.9
    await collector.current()
    assert fakes.scrapes == 1
    fakes.now += 0.2
    await collector.current()
    assert fakes.scrapes == 2


async def test_viewers_share_a_collection_that_takes_long() -> None:
    """Else they would wait for one each, one after the other, while a source is away."""
    fakes = Fakes({INGEST: target(Tier.INGEST)})
    collector = fakes.collector()
    fakes.may_answer.clear()
    looks = [asyncio.create_task(collector.current()) for _ in range(5)]
    while not fakes.scrapes:
        await asyncio.sleep(0)
    fakes.now += 3
    fakes.may_answer.set()
    await asyncio.gather(*looks)
    assert fakes.scrapes == 1
    fakes.now += 0.1
    await collector.current()
    assert fakes.scrapes == 2


async def test_a_cancelled_request_does_not_cancel_the_collection_of_others() -> None:
    """The next request in the queue collects."""
    fakes = Fakes({INGEST: target(Tier.INGEST)})
    collector = fakes.collector()
    fakes.may_answer.clear()
    leaves, stays = (asyncio.create_task(collector.current()) for _ in range(2))
    await asyncio.sleep(0)
    leaves.cancel()
    fakes.may_answer.set()
    assert (await stays).targets[0].up


async def test_a_failed_source_is_named() -> None:
    """The response is a 200 with the other sources; a dead process keeps its tier."""
    fakes = Fakes({INGEST: target(Tier.INGEST), WORKER: target(Tier.WORKER, lags={0: 4})})
    collector = fakes.collector()
    await collector.current()
    fakes.now += 2
    fakes.states[INGEST] = SourceError("no connection")
    fakes.states[WORKER] = target(Tier.WORKER, lags={0: 4}, ready=False)
    fakes.log = SourceError("no answer: TimeoutError")
    response = await ask(app_of(collector), "GET", "/pulse")
    pulse = json_of(response)
    assert (response.status, response.headers["Cache-Control"]) == (200, "no-store")
    assert pulse["failing"] == {
        "127.0.0.1:9080": "no connection",
        "kafka": "no answer: TimeoutError",
    }
    assert pulse["targets"] == [
        {
            "address": "127.0.0.1:9080",
            "tier": "ingest",
            "up": False,
            "ready": False,
            "error": "no connection",
        },
        {
            "address": "127.0.0.1:9082",
            "tier": "worker",
            "up": True,
            "ready": False,
            "error": None,
        },
    ]
    assert [partition["lag"] for partition in pulse["partitions"]] == [4]


async def test_the_lag_is_that_of_the_workers_if_known() -> None:
    """Else that of the committed offsets, which are late; never a guess."""
    fakes = Fakes({WORKER: target(Tier.WORKER, lags={0: 4})})
    fakes.log = {
        0: PartitionOffsets(100, 50),
        1: PartitionOffsets(100, 70),
        2: PartitionOffsets(100, None),
    }
    partitions = (await fakes.collector().current()).partitions
    assert [(p.end, p.committed, p.lag, p.lag_from) for p in partitions] == [
        (100, 50, 4, "worker"),
        (100, 70, 30, "committed"),
        (100, None, None, None),
    ]


async def test_a_name_with_several_addresses_stands_for_as_many_processes() -> None:
    """Each is scraped each time; the list follows the name's addresses."""
    first, second, third = (("10.0.0." + number, 9082) for number in "123")
    counted = target(Tier.WORKER, {Total.ROWS_WRITTEN: 100})
    fakes = Fakes({first: counted, second: counted}, names={"workers": [first[0], second[0]]})
    collector = fakes.collector()
    assert [each.address for each in (await collector.current()).targets] == [
        "10.0.0.1:9082",
        "10.0.0.2:9082",
    ]
    fakes.now += 2
    fakes.states |= {second: target(Tier.WORKER, {Total.ROWS_WRITTEN: 130}), third: counted}
    fakes.names["workers"] = [second[0], third[0]]
    pulse = await collector.current()
    assert [each.address for each in pulse.targets] == ["10.0.0.2:9082", "10.0.0.3:9082"]
    assert pulse.rates[Total.ROWS_WRITTEN] == 15.0
    assert fakes.scraped_names == {"workers"}


async def test_a_name_with_one_address_is_shown_as_configured() -> None:
    """So is a name without an address: it is shown as failing."""
    fakes = Fakes({("worker-1", 9082): SourceError("no connection")})
    assert (await fakes.collector().current()).failing == {"worker-1:9082": "no connection"}
    fakes.names["worker-1"] = []
    fakes.now += 2
    assert (await fakes.collector().current()).failing == {"worker-1:9082": "no connection"}
