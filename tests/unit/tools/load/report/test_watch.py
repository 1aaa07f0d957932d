"""Showing the progress of a run."""

from io import StringIO

import pytest
from rich.console import Console

from tests.tools.load.report.watch import open_watcher, watched


@pytest.mark.parametrize("terminal", [False, True])
async def test_the_end_of_a_phase_is_always_shown(terminal: bool) -> None:  # noqa: FBT001 a case
    """The final number is reported after the body, independent of the ticks."""
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
    """Without a terminal the log stays short."""
    console = Console(file=StringIO())
    with open_watcher(console) as lines:
        for done in range(101):
            lines.show("sending", done, 100)
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue() == "sending: 0 of 100\nsending: 100 of 100\n"
