"""Showing how a run is getting on."""

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from tests.tools.load.measurement.series import SecondRow
from tests.tools.load.report.snapshot import Snapshot
from tests.tools.load.report.watch import open_watcher, watched


@pytest.mark.parametrize("terminal", [False, True])
async def test_the_end_of_a_phase_is_always_shown(terminal: bool) -> None:  # noqa: FBT001 a case
    """What was reached is told after the body, whatever the pace of the ticks."""
    console = Console(file=StringIO(), force_terminal=terminal, width=80)
    done = 0
    with open_watcher(console) as watcher:
        async with watched(watcher, "sending", lambda: done, 100):
            done = 100
        async with watched(watcher, "verifying", lambda: 3, 5):
            pass
    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert "sending" in shown
    assert ("100/100" if terminal else "100 of 100") in shown
    assert ("3/5" if terminal else "3 of 5") in shown


def test_a_log_has_a_line_at_the_beginning_and_the_end_of_a_phase() -> None:
    """Where there is no terminal a log stays short."""
    console = Console(file=StringIO())
    with open_watcher(console) as lines:
        for done in range(101):
            lines.show("sending", done, 100)
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue() == "sending: 0 of 100\nsending: 100 of 100\n"


MOMENT = Snapshot(
    SecondRow(7, 2_000, 1_999, 1_998, 1, 0, 1.5, 2.5, 3.5, 9.0),
    15_000,
    None,
    12,
    {"node_full": 1},
    {},
    4_321,
    9.3,
)


@pytest.mark.parametrize("terminal", [False, True])
@pytest.mark.parametrize(("lag", "shown"), [(4_321, "4,321"), (None, "unknown")])
def test_the_view_has_rates_times_refusals_and_lag(
    terminal: bool,  # noqa: FBT001 a case
    lag: int | None,
    shown: str,
) -> None:
    """On a terminal as a table, elsewhere as a line; a lag that nobody tells is unknown."""
    console = Console(file=StringIO(), force_terminal=terminal, width=200)
    with open_watcher(console) as watcher:
        watcher.sending(replace(MOMENT, lag=lag))
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    for figure in ("2,000", "1,999", "1,998", "12", "1.5", "2.5", "3.5", "node_full 1", shown):
        assert figure in text
