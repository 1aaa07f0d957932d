"""A full node refuses at a pace, and cheaply."""

import asyncio
import json
from collections.abc import Callable
from unittest.mock import Mock

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from shared.http.load_shedding import BYTES_PER_SHARE, SHARES_PER_TICK, Pace, Refusals
from shared.http.prebuilt import PrebuiltResponse


class Clock:
    """Calls what is due when it is told that a tick has passed."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def call_later(self, _seconds: float, call: Callable[[], None]) -> None:
        """Keep *call* for the next tick."""
        self.due.append(call)

    def tick(self) -> None:
        """Let a tick pass."""
        due, self.due = self.due, []
        for call in due:
            call()


async def start(pace: Pace, number: int, shares: int = 1) -> list[asyncio.Task[None]]:
    """Return as many waits, each of which has gone as far as it can."""
    waits = [asyncio.create_task(pace.wait(shares)) for _ in range(number)]
    await settle()
    return waits


async def settle() -> None:
    """Let all tasks go as far as they can."""
    for _ in range(3):
        await asyncio.sleep(0)


def done(waits: list[asyncio.Task[None]]) -> int:
    """Return how many have had their turn."""
    return sum(wait.done() for wait in waits)


async def test_a_few_do_not_wait_and_more_have_their_turn_in_order() -> None:
    """So many per tick, those first that came first, until none is left."""
    clock = Clock()
    pace = Pace(clock.call_later)
    waits = await start(pace, 2 * SHARES_PER_TICK + 1)
    assert [wait.done() for wait in waits] == [True] * SHARES_PER_TICK + [False] * (
        SHARES_PER_TICK + 1
    )
    for expected in (2 * SHARES_PER_TICK, 2 * SHARES_PER_TICK + 1):
        clock.tick()
        await settle()
        assert done(waits) == expected


async def test_a_large_one_is_paid_for_by_those_behind_it() -> None:
    """What it took beyond a tick's shares stays owed in the next ones."""
    clock = Clock()
    pace = Pace(clock.call_later)
    (large,) = await start(pace, 1, shares=3 * SHARES_PER_TICK)
    (small,) = await start(pace, 1)
    assert (large.done(), small.done()) == (True, False)
    passed = []
    for _ in range(3):
        clock.tick()
        await settle()
        passed.append(small.done())
    assert passed == [False, False, True]


async def test_who_is_gone_takes_nobody_s_turn() -> None:
    """A cancelled wait is passed over."""
    clock = Clock()
    pace = Pace(clock.call_later)
    await start(pace, SHARES_PER_TICK)
    gone = await start(pace, SHARES_PER_TICK)
    for wait in gone:
        wait.cancel()
    staying = await start(pace, SHARES_PER_TICK)
    clock.tick()
    await settle()
    assert done(staying) == SHARES_PER_TICK


async def test_a_node_at_rest_keeps_no_time() -> None:
    """Once all shares are there again nothing is called any more."""
    clock = Clock()
    pace = Pace(clock.call_later)
    await start(pace, SHARES_PER_TICK)
    clock.tick()
    clock.tick()
    assert clock.due == []


def request() -> web.BaseRequest:
    """Return a request on a connection that goes on."""
    transport = Mock(asyncio.Transport)
    transport.get_write_buffer_size.return_value = 0
    return make_mocked_request("PUT", "/", transport=transport)


@pytest.mark.parametrize("read_bytes", [0, 64 * BYTES_PER_SHARE])
async def test_a_refusal_says_why_and_when_to_come_again(read_bytes: int) -> None:
    """One response for all that have the same reason; a body read in vain takes more shares."""
    clock = Clock()
    refusals = Refusals(Pace(clock.call_later))
    first = await refusals.answer(request(), "This node is full.", read_bytes)
    assert isinstance(first, PrebuiltResponse)
    built = first.build()
    assert isinstance(built.body, bytes)
    body = json.loads(built.body)
    assert (built.status, built.headers["Retry-After"]) == (503, "1")
    assert (body["code"], body["detail"]) == ("node_full", "This node is full.")
    second = asyncio.create_task(refusals.answer(request(), "This node is full."))
    await settle()
    assert second.done() == (read_bytes == 0)
    while not second.done():
        clock.tick()
        await settle()
    assert second.result() is first
