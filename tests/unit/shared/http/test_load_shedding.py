"""A full node refuses at a limited rate, and cheaply."""

import asyncio
import json
from collections.abc import Callable

import pytest

from shared.http.load_shedding import BYTES_PER_UNIT, LoadShedder
from shared.http.problems import code_of
from shared.http.rate_limiter import UNITS_PER_TICK, RateLimiter


class Clock:
    """Runs the due calls when the test ends a tick."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def call_later(self, _seconds: float, call: Callable[[], None]) -> None:
        """Keep *call* for the next tick."""
        self.due.append(call)

    def tick(self) -> None:
        """End a tick."""
        due, self.due = self.due, []
        for call in due:
            call()


async def start(limiter: RateLimiter, number: int, units: int = 1) -> list[asyncio.Task[None]]:
    """Return *number* waits, each run until it blocks or ends."""
    waits = [asyncio.create_task(limiter.acquire(units)) for _ in range(number)]
    await settle()
    return waits


async def settle() -> None:
    """Run all tasks until they block or end."""
    for _ in range(3):
        await asyncio.sleep(0)


def done(waits: list[asyncio.Task[None]]) -> int:
    """Return how many have been granted."""
    return sum(wait.done() for wait in waits)


async def test_a_few_do_not_wait_and_more_are_granted_in_order() -> None:
    """A fixed number per tick, in the order of the calls."""
    clock = Clock()
    limiter = RateLimiter(clock.call_later)
    waits = await start(limiter, 2 * UNITS_PER_TICK + 1)
    assert [wait.done() for wait in waits] == [True] * UNITS_PER_TICK + [False] * (
        UNITS_PER_TICK + 1
    )
    for expected in (2 * UNITS_PER_TICK, 2 * UNITS_PER_TICK + 1):
        clock.tick()
        await settle()
        assert done(waits) == expected


async def test_a_large_grant_delays_those_behind_it() -> None:
    """The units beyond one tick are taken from the next ticks."""
    clock = Clock()
    limiter = RateLimiter(clock.call_later)
    (large,) = await start(limiter, 1, units=3 * UNITS_PER_TICK)
    (small,) = await start(limiter, 1)
    assert (large.done(), small.done()) == (True, False)
    passed = []
    for _ in range(3):
        clock.tick()
        await settle()
        passed.append(small.done())
    assert passed == [False, False, True]


async def test_a_cancelled_wait_takes_no_units() -> None:
    """The next in the queue gets them."""
    clock = Clock()
    limiter = RateLimiter(clock.call_later)
    await start(limiter, UNITS_PER_TICK)
    gone = await start(limiter, UNITS_PER_TICK)
    for wait in gone:
        wait.cancel()
    staying = await start(limiter, UNITS_PER_TICK)
    clock.tick()
    await settle()
    assert done(staying) == UNITS_PER_TICK


async def test_an_idle_limiter_uses_no_timer() -> None:
    """Once all units are available again it schedules no call."""
    clock = Clock()
    limiter = RateLimiter(clock.call_later)
    await start(limiter, UNITS_PER_TICK)
    clock.tick()
    clock.tick()
    assert clock.due == []


@pytest.mark.parametrize("read_bytes", [0, 64 * BYTES_PER_UNIT])
async def test_a_refusal_says_why_and_when_to_come_again(read_bytes: int) -> None:
    """A problem document with a time to wait; a body read in vain takes more units."""
    clock = Clock()
    shedder = LoadShedder(RateLimiter(clock.call_later))
    first = await shedder.refuse("This node is full.", read_bytes)
    assert isinstance(first.body, bytes)
    body = json.loads(first.body)
    assert (first.status, first.headers["Retry-After"]) == (503, "1")
    assert (body["code"], body["detail"]) == ("node_full", "This node is full.")
    second = asyncio.create_task(shedder.refuse("This node is full."))
    await settle()
    assert second.done() == (read_bytes == 0)
    while not second.done():
        clock.tick()
        await settle()
    again = second.result()
    assert again is not first, "a response is sent once"
    assert (again.status, again.headers, code_of(again)) == (503, first.headers, "node_full")
    assert again.body is first.body, "it costs little"
