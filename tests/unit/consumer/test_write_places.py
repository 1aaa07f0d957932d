"""Places for writes: their number, and the order in which they are taken."""

import asyncio

from consumer.counting.pacing.write_limit import WriteLimit
from consumer.write_places import WritePlaces
from tests.waiting import until


async def test_a_place_is_waited_for_and_a_cancelled_wait_takes_none() -> None:
    """A write that waits gets the place of one that has ended."""
    places = WritePlaces(WriteLimit(1, max_age_seconds=600.0))
    leave, entered = asyncio.Event(), list[int]()

    async def write(number: int) -> None:
        async with places:
            entered.append(number)
            await leave.wait()

    writes = [asyncio.create_task(write(number)) for number in range(3)]
    await until(lambda: entered == [0])
    writes[1].cancel()
    leave.set()
    await asyncio.wait(writes)
    assert entered == [0, 2]


async def test_a_partition_that_always_writes_leaves_places_to_others() -> None:
    """It asks for its next place at once, without a step of the event loop in between."""
    places = WritePlaces(WriteLimit(1, max_age_seconds=600.0))
    entered = list[str]()

    async def write_often(partition: str) -> None:
        for _ in range(3):
            async with places:
                entered.append(partition)
                await asyncio.sleep(0)

    async with asyncio.TaskGroup() as tasks:
        for partition in "ab":
            tasks.create_task(write_often(partition))
    assert entered == ["a", "b"] * 3


async def test_slow_writes_leave_fewer_places() -> None:
    """What is in flight above the new limit ends; nothing new starts before."""
    places = WritePlaces(WriteLimit(2, max_age_seconds=600.0))
    async with places:
        for _ in range(100):
            places.record(1, 1.0)
        assert places.limit == 1
        waiting = asyncio.create_task(places.__aenter__())
        assert not (await asyncio.wait([waiting], timeout=0.01))[0]
    await waiting


async def test_the_limit_knows_how_old_counts_are_and_how_late_the_worker_is() -> None:
    """Old counts are written by two at a time, unless the worker is late."""
    places = WritePlaces(WriteLimit(4, max_age_seconds=600.0))
    places.age_seconds = 600.0
    for _ in range(100):
        places.record(1, 1.0)
    assert places.limit == 2
    for _ in range(100):
        places.record_round(0.2)
        places.record(1, 1.0)
    assert places.limit == 1
