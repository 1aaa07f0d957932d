"""The totals are old, never wrong, and counted by one scan at a time."""

import asyncio

import pytest
from structlog.testing import capture_logs

from query.export import summary
from query.export.summary import SummaryKeeper
from query.export.tally import Totals
from shared.errors import StoreUnavailableError
from tests.fakes.clock import Clock

FRESH_SECONDS = 60.0


class Scans:
    """Scans that end when the test says so."""

    def __init__(self) -> None:
        self.pending: list[asyncio.Future[Totals]] = []

    async def __call__(self) -> Totals:
        """Return the result that the test sets."""
        self.pending.append(asyncio.get_running_loop().create_future())
        return await self.pending[-1]


async def settle() -> None:
    """Run all tasks until each of them waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_first_request_waits_for_the_first_scan() -> None:
    """Requests at the same time share it."""
    scans, clock = Scans(), Clock()
    keeper = SummaryKeeper(scans, FRESH_SECONDS, clock)
    asked = [asyncio.create_task(keeper.get()) for _ in range(3)]
    await settle()
    (scan,) = scans.pending
    scan.set_result(Totals(1, 2, 3))

    answers = await asyncio.gather(*asked)

    assert {(a.domains, a.age_seconds) for a in answers if a is not None} == {(6, 0.0)}
    assert None not in answers


async def test_a_long_first_scan_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no totals yet; the scan goes on."""
    monkeypatch.setattr(summary, "FIRST_WAIT_SECONDS", 0.01)
    scans = Scans()
    keeper = SummaryKeeper(scans, FRESH_SECONDS, Clock())

    assert await keeper.get() is None
    scans.pending[0].set_result(Totals(0, 0, 1))
    await settle()
    assert (await keeper.get()) is not None
    assert len(scans.pending) == 1


async def test_old_totals_are_returned_while_a_scan_renews_them() -> None:
    """With their age; a complete export renews them too."""
    scans, clock = Scans(), Clock()
    keeper = SummaryKeeper(scans, FRESH_SECONDS, clock)
    keeper.record(Totals(5, 0, 0))
    clock.now += FRESH_SECONDS + 1

    old = await keeper.get()
    await settle()
    scans.pending[0].set_result(Totals(6, 0, 0))
    await settle()
    new = await keeper.get()

    assert old is not None
    assert new is not None
    assert (old.domains, old.age_seconds) == (5, FRESH_SECONDS + 1)
    assert (new.domains, new.age_seconds) == (6, 0.0)


async def test_a_first_scan_that_fails_is_repeated_by_the_next_request() -> None:
    """Its error is that of the request."""
    scans = Scans()
    keeper = SummaryKeeper(scans, FRESH_SECONDS, Clock())
    first = asyncio.create_task(keeper.get())
    await settle()
    scans.pending[0].set_exception(StoreUnavailableError())
    with pytest.raises(StoreUnavailableError):
        await first
    second = asyncio.create_task(keeper.get())
    await settle()
    scans.pending[1].set_result(Totals(0, 1, 0))

    assert await second is not None


@pytest.mark.parametrize(
    ("error", "level"), [(StoreUnavailableError(), "warning"), (TypeError("defect"), "error")]
)
async def test_a_scan_in_the_background_that_fails_is_logged(error: Exception, level: str) -> None:
    """Requests get the old totals, so nothing else shows it."""
    scans = Scans()
    keeper = SummaryKeeper(scans, 0.0, Clock())
    keeper.record(Totals(1, 0, 0))
    await keeper.get()
    await settle()

    with capture_logs() as lines:
        scans.pending[0].set_exception(error)
        await settle()

    assert [line["log_level"] for line in lines] == [level]


async def test_closing_ends_the_scan() -> None:
    """A node that stops does not wait for it."""
    scans = Scans()
    keeper = SummaryKeeper(scans, 0.0, Clock())
    keeper.record(Totals(1, 0, 0))
    await keeper.get()
    await settle()

    await keeper.close()

    assert scans.pending[0].cancelled()
