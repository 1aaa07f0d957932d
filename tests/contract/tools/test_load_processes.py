"""A run with all its processes, on servers that answer at once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.tools.load.options import LoadOptions, Mode, Profile
from tests.tools.load.sending.ceiling import measure_ceiling
from tests.tools.load.sending.processes import Results, SendingError, open_module, send_all
from tests.tools.load.streams.profiles import stream_of

OPTIONS = LoadOptions(seed=5, events=6_007, rate=0, bulk_lines=100, connections=5)


@asynccontextmanager
async def answering(options: LoadOptions) -> AsyncIterator[LoadOptions]:
    """Point *options* at a server that accepts everything."""
    async with open_module("tests.tools.load.sending.answerer", "127.0.0.1") as process:
        assert process.stdout is not None
        port = int(await process.stdout.readline())
        yield replace(options, ingest=(f"http://127.0.0.1:{port}",))


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize(("mode", "processes"), [(Mode.PUT, 3), (Mode.BULK, 2), (Mode.MIXED, 2)])
async def test_several_processes_send_each_event_once(
    profile: Profile, mode: Mode, processes: int
) -> None:
    """Their ledgers add up to the first events of the workload, domain by domain."""
    asked = replace(OPTIONS, profile=profile, mode=mode, processes=processes)
    reported: list[Results] = []
    async with answering(asked) as options:
        results = await send_all(options, reported.append)
    expected: dict[int, int] = {}
    for code in stream_of(options).take(6_007):
        expected[code] = expected.get(code, 0) + 1
    found = {
        number * 2 + bounced: bounds.least
        for number in results.ledger.numbers()
        for bounced, bounds in enumerate(results.ledger.expected(number))
        if bounds.most
    }
    assert found == expected
    assert (results.series.accepted, results.series.unanswered) == (6_007, 0)
    assert sum(row.sent for row in results.series.rows()) == 6_007
    assert results.last_accepted is not None
    assert results.began <= results.last_accepted <= results.ended
    assert results.cpu_seconds > 0
    assert reported[-1] is results


async def test_a_ledger_of_many_megabytes_arrives_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with unbuffered standard output, where a write may be partial."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    asked = replace(
        OPTIONS,
        profile=Profile.WIDE,
        domains=4_000_000,
        events=20_000,
        mode=Mode.BULK,
        processes=2,
    )
    async with asyncio.timeout(60), answering(asked) as options:
        results = await send_all(options, lambda _: None)
    expected = Counter(stream_of(options).take(20_000))
    assert results.series.accepted == expected.total()
    for code, count in expected.items():
        delivered, bounced = results.ledger.expected(code // 2)
        assert (bounced if code % 2 else delivered).least == count


async def test_an_open_loop_keeps_its_rate() -> None:
    """The series has the number of due events by the second."""
    asked = replace(OPTIONS, rate=2_000.0, events=3_000, mode=Mode.PUT, processes=2)
    async with answering(asked) as options:
        results = await send_all(options, lambda _: None)
    assert [row.offered for row in results.series.rows()[:2]] == [2_000, 1_000]
    assert results.seconds_sending >= 1.49


async def test_the_ceiling_is_measured_by_time() -> None:
    """However long the run is, the clock ends it."""
    asked = replace(OPTIONS, profile=Profile.WIDE, events=10**12, rate=1.0, processes=2)
    async with asyncio.timeout(30):
        assert await measure_ceiling(asked, seconds=0.3) > 0


async def test_a_process_that_dies_ends_the_run() -> None:
    """It can't report the outcomes, so there is nothing to verify."""
    with pytest.raises(ExceptionGroup) as caught:
        await send_all(replace(OPTIONS, ingest=("nonsense",)), lambda _: None)
    assert caught.group_contains(SendingError)
