"""Collect the state of the pipeline.

The node collects it regularly, and at requests, at most once per second for all of them. A pulse
names each source that failed; a slow source delays the others by its timeout at most.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from query.pulse.history import WINDOW_SECONDS, History, Point
from query.pulse.scrape import Delay, Scrape, Tier, Total, delay, rates
from query.pulse.sources import (
    EventTopic,
    PartitionOffsets,
    SourceError,
    Targets,
    TargetState,
    resolve_host,
)
from shared.config import Address

T = TypeVar("T")

FRESH_SECONDS = 1.0
_FORGET_SECONDS = 30.0
"""Rates over a longer interval would not describe the present."""
_MAX_PROCESSES = 200
"""Per name; the sums leave out processes beyond it."""


class TargetPulse(msgspec.Struct, frozen=True):
    """One process."""

    address: str
    tier: Annotated[Tier | None, Meta(description="Null: it has not reported yet.")]
    up: Annotated[bool, Meta(description="Whether it answered.")]
    ready: Annotated[bool, Meta(description="Whether it takes traffic.")]
    error: Annotated[str | None, Meta(description="Why it did not answer.")]


class PartitionPulse(msgspec.Struct, frozen=True):
    """The end, the committed offset and the lag of one partition."""

    partition: int
    end: Annotated[
        int | None, Meta(description="The offset of the next record; null: Kafka did not answer.")
    ]
    committed: Annotated[
        int | None,
        Meta(
            description="The offset from which the workers would go on; null: Kafka did not answer,"
            " or there is none."
        ),
    ]
    lag: Annotated[
        int | None, Meta(description="Records that are not counted yet; null: no source answered.")
    ]
    lag_from: Annotated[
        Literal["worker", "committed"] | None,
        Meta(
            description="`worker`: records that its worker has not read yet. `committed`: records"
            " after the committed offset, which are more, because workers commit late."
        ),
    ]


class Pulse(msgspec.Struct, frozen=True):
    """The state of the pipeline."""

    at: Annotated[float, Meta(description="Seconds since 1970.")]
    over_seconds: Annotated[
        float | None,
        Meta(description="The period of `rates` and `delay`; null: there is no earlier reading."),
    ]
    rates: Annotated[
        dict[Total, float | None],
        Meta(description="Counted per second; null: no process was read twice."),
    ]
    delay: Annotated[Delay | None, Meta(description="Null: no events in that period.")]
    partitions: list[PartitionPulse]
    targets: list[TargetPulse]
    failing: Annotated[
        dict[str, str], Meta(description="The sources that did not answer, with the reason.")
    ]


class PulseCollector:
    """Reads all sources at the same time, and keeps the previous scrapes."""

    def __init__(
        self,
        addresses: Sequence[Address],
        targets: Targets,
        topic: EventTopic,
        clock: Callable[[], float] = time.monotonic,
        resolve_host: Callable[[str], Awaitable[Sequence[str]]] = resolve_host,
    ) -> None:
        self._addresses = tuple(addresses)
        self._resolve_host = resolve_host
        self._targets = targets
        self._topic = topic
        self._clock = clock
        self._lock = asyncio.Lock()
        self._processes: dict[str, tuple[Address, str]] = {}
        self._tiers: dict[str, Tier] = {}
        self._scrapes: dict[str, Scrape] = {}
        self._scraped_at = self._collected_at = float("-inf")
        self._pulse: Pulse | None = None
        self.history = History(math.ceil(WINDOW_SECONDS / FRESH_SECONDS) + 1)

    async def run(self, every_seconds: float) -> None:
        """Collect a pulse every so many seconds, until cancelled."""
        while True:
            await self.current()
            await asyncio.sleep(every_seconds)

    async def current(self) -> Pulse:
        """Return a pulse of at most a second ago, or that of a collection during this call.

        A collection may take longer than a second: its callers must not start one each.
        """
        called_at = self._clock()
        async with self._lock:
            is_old = self._clock() - self._scraped_at >= FRESH_SECONDS
            if self._pulse is None or (is_old and self._collected_at < called_at):
                self._pulse = await self._collect()
                self._collected_at = self._clock()
                self.history.add(_point_of(self._pulse))
            return self._pulse

    async def processes(self, tier: Tier) -> list[tuple[Address, str]]:
        """Return the addresses of the processes of *tier* that answer, each with its host name."""
        await self.current()
        return [at for name, at in self._processes.items() if self._tier_now(name) is tier]

    def _tier_now(self, name: str) -> Tier | None:
        return self._tiers.get(name) if name in self._scrapes else None

    async def _collect(self) -> Pulse:
        self._processes = processes = await self._resolve()
        scraped_at = self._clock()
        offsets, found = await asyncio.gather(
            _result_or_error(self._topic.read_offsets),
            asyncio.gather(
                *(
                    _result_or_error(partial(self._targets.scrape, address, host))
                    for address, host in processes.values()
                )
            ),
        )
        states = dict(zip(processes, found, strict=True))
        scrapes = {
            name: each.scrape for name, each in states.items() if isinstance(each, TargetState)
        }
        known = {name: tier for name, tier in self._tiers.items() if name in states}
        self._tiers = known | {name: each.tier for name, each in scrapes.items() if each.tier}
        seconds = scraped_at - self._scraped_at
        previous = self._scrapes if seconds < _FORGET_SECONDS else {}
        failing = {
            name: str(each) for name, each in states.items() if isinstance(each, SourceError)
        }
        if isinstance(offsets, SourceError):
            failing["kafka"] = str(offsets)
            offsets = {}
        pulse = Pulse(
            at=time.time(),
            over_seconds=round(seconds, 3) if previous else None,
            rates=rates(previous, scrapes, seconds),
            delay=delay(previous, scrapes),
            partitions=_partitions(offsets, scrapes.values()),
            targets=[self._target(name, each) for name, each in states.items()],
            failing=failing,
        )
        self._scrapes, self._scraped_at = scrapes, scraped_at
        return pulse

    async def _resolve(self) -> dict[str, tuple[Address, str]]:
        """Return the address of each process, and the host name that it was resolved from.

        A name with several addresses stands for as many processes, like a headless service of
        Kubernetes. Each address is scraped by itself: a scrape by name would reach any of them.
        """
        hosts = [host for host, _ in self._addresses]
        found = await asyncio.gather(*(self._resolve_host(host) for host in hosts))
        processes: dict[str, tuple[Address, str]] = {}
        for (host, port), addresses in zip(self._addresses, found, strict=True):
            several = addresses[:_MAX_PROCESSES] if len(addresses) > 1 else [host]
            processes |= {f"{each}:{port}": ((each, port), host) for each in several}
        return processes

    def _target(self, name: str, state: TargetState | SourceError) -> TargetPulse:
        tier = self._tiers.get(name)
        if isinstance(state, TargetState):
            return TargetPulse(name, tier, up=True, ready=state.ready, error=None)
        return TargetPulse(name, tier, up=False, ready=False, error=str(state))


async def _result_or_error(read: Callable[[], Awaitable[T]]) -> T | SourceError:
    try:
        return await read()
    except SourceError as error:
        return error


def _point_of(pulse: Pulse) -> Point:
    lags = [each.lag for each in pulse.partitions if each.lag is not None]
    return Point(pulse.at, pulse.rates, pulse.delay, sum(lags) if lags else None)


def _partitions(
    offsets: dict[int, PartitionOffsets], scrapes: Iterable[Scrape]
) -> list[PartitionPulse]:
    """Return the state of each partition; its lag is from its worker if possible."""
    lags: dict[int, int] = {}
    for scrape in scrapes:
        for number, reported in scrape.lags.items():
            lags[number] = max(reported, lags.get(number, 0))
    found = []
    for number in sorted(offsets.keys() | lags.keys()):
        known = offsets.get(number)
        end, committed = (known.end, known.committed) if known else (None, None)
        lag: int | None = None
        lag_from: Literal["worker", "committed"] | None = None
        if number in lags:
            lag, lag_from = lags[number], "worker"
        elif end is not None and committed is not None:
            lag, lag_from = max(0, end - committed), "committed"
        found.append(PartitionPulse(number, end, committed, lag, lag_from))
    return found
