"""Tell people how the pipeline is: ``GET /pulse``.

Nothing is collected while nobody asks, and at most once a second for all who do. A source that
does not tell is named in the answer; the others are not held up by it for longer than its limit.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Annotated, Literal, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from query.pulse.scrape import Delay, Scrape, Tier, Total, delay, rates
from query.pulse.sources import (
    EventTopic,
    PartitionOffsets,
    SourceError,
    Targets,
    TargetState,
    addresses_of,
)
from shared.config import Address
from shared.http.routing import Route
from shared.model.scope import Scope

T = TypeVar("T")

FRESH_SECONDS = 1.0
_FORGET_SECONDS = 30.0
"""A rate over longer than this says nothing of now."""
_MAX_PROCESSES = 200
"""Of one name; beyond, the sums are of so many."""


class TargetPulse(msgspec.Struct, frozen=True):
    """One process."""

    address: str
    tier: Annotated[Tier | None, Meta(description="Null: it has not reported yet.")]
    up: Annotated[bool, Meta(description="Whether it answered.")]
    ready: Annotated[bool, Meta(description="Whether it takes traffic.")]
    error: Annotated[str | None, Meta(description="Why it did not answer.")]


class PartitionPulse(msgspec.Struct, frozen=True):
    """How far one partition is."""

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
            description="`worker`: what its owner has yet to read. `committed`: what it has yet to"
            " commit, which includes the time between two commits."
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
    """Asks all sources side by side, and remembers what was counted before."""

    def __init__(
        self,
        addresses: Sequence[Address],
        targets: Targets,
        topic: EventTopic,
        clock: Callable[[], float] = time.monotonic,
        addresses_of: Callable[[str], Awaitable[Sequence[str]]] = addresses_of,
    ) -> None:
        self._addresses = tuple(addresses)
        self._addresses_of = addresses_of
        self._targets = targets
        self._topic = topic
        self._clock = clock
        self._lock = asyncio.Lock()
        self._tiers: dict[str, Tier] = {}
        self._readings: dict[str, Scrape] = {}
        self._read_at = float("-inf")
        self._pulse: Pulse | None = None

    async def get(self, _: web.BaseRequest) -> web.Response:
        """``GET /pulse``."""
        return web.Response(
            body=msgspec.json.encode(await self.pulse()),
            content_type="application/json",
            headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
        )

    async def pulse(self) -> Pulse:
        """Return what is known, not older than a second; who comes meanwhile waits for it."""
        async with self._lock:
            if self._pulse is None or self._clock() - self._read_at >= FRESH_SECONDS:
                self._pulse = await self._collect()
            return self._pulse

    async def _collect(self) -> Pulse:
        processes = await self._find()
        asked_at = self._clock()
        offsets, found = await asyncio.gather(
            _tell(self._topic.read_offsets),
            asyncio.gather(
                *(_tell(partial(self._targets.scrape, at, of)) for at, of in processes.values())
            ),
        )
        told = dict(zip(processes, found, strict=True))
        readings = {
            name: each.scrape for name, each in told.items() if isinstance(each, TargetState)
        }
        known = {name: tier for name, tier in self._tiers.items() if name in told}
        self._tiers = known | {name: each.tier for name, each in readings.items() if each.tier}
        seconds = asked_at - self._read_at
        recent = self._readings if seconds < _FORGET_SECONDS else {}
        failing = {name: str(each) for name, each in told.items() if isinstance(each, SourceError)}
        if isinstance(offsets, SourceError):
            failing["kafka"] = str(offsets)
            offsets = {}
        pulse = Pulse(
            at=time.time(),
            over_seconds=round(seconds, 3) if recent else None,
            rates=rates(recent, readings, seconds),
            delay=delay(recent, readings),
            partitions=_partitions(offsets, readings.values()),
            targets=[self._target(name, each) for name, each in told.items()],
            failing=failing,
        )
        self._readings, self._read_at = readings, asked_at
        return pulse

    async def _find(self) -> dict[str, tuple[Address, str]]:
        """Return where each process is and the name that it was found by.

        A name with several addresses stands for as many processes, as a headless service of
        Kubernetes does. They are asked one by one: else each look would be at another of them.
        """
        hosts = [host for host, _ in self._addresses]
        found = await asyncio.gather(*(self._addresses_of(host) for host in hosts))
        processes: dict[str, tuple[Address, str]] = {}
        for (host, port), addresses in zip(self._addresses, found, strict=True):
            several = addresses[:_MAX_PROCESSES] if len(addresses) > 1 else [host]
            processes |= {f"{each}:{port}": ((each, port), host) for each in several}
        return processes

    def _target(self, name: str, told: TargetState | SourceError) -> TargetPulse:
        tier = self._tiers.get(name)
        if isinstance(told, TargetState):
            return TargetPulse(name, tier, up=True, ready=told.ready, error=None)
        return TargetPulse(name, tier, up=False, ready=False, error=str(told))


async def _tell(ask: Callable[[], Awaitable[T]]) -> T | SourceError:
    try:
        return await ask()
    except SourceError as error:
        return error


def _partitions(
    offsets: dict[int, PartitionOffsets], readings: Iterable[Scrape]
) -> list[PartitionPulse]:
    """Return how far each partition is, by its owner where that tells."""
    lags: dict[int, int] = {}
    for reading in readings:
        for number, told in reading.lags.items():
            lags[number] = max(told, lags.get(number, 0))
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


def build_pulse_routes(collector: PulseCollector) -> list[Route]:
    """Return the route of the pulse."""
    return [Route("GET", "/pulse", collector.get, Scope.QUERY)]
