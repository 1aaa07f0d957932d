"""What watches a system during a measurement."""

import asyncio

import pytest

from tests.tools.bench.measurement.beside import beside


async def test_it_runs_during_the_block_and_ends_with_it() -> None:
    """Its end by that is not an error."""
    seen: list[str] = []

    async def watch() -> None:
        seen.append("began")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("ended")

    async with beside(watch()):
        await asyncio.sleep(0)
        assert seen == ["began"]
    assert seen == ["began", "ended"]


async def watch_badly() -> None:
    """Fail at once."""
    raise OSError("the node does not answer")


async def measure(error: Exception | None = None) -> None:
    """Measure while the watching fails; raise *error* if there is one."""
    async with beside(watch_badly()):
        await asyncio.sleep(0)
        if error is not None:
            raise error


async def test_a_gap_in_its_readings_is_an_error() -> None:
    """Without them a rate would seem to hold."""
    with pytest.raises(OSError, match="does not answer"):
        await measure()


async def test_the_error_of_the_measurement_comes_first() -> None:
    """It is probably the cause of the other one."""
    with pytest.raises(RuntimeError, match="the load"):
        await measure(RuntimeError("the load was refused"))
