"""How rows are chosen, and what their failures do."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.servers.backends import Servers
from tests.tools.bench.bench import Bench, MeasurementError
from tests.tools.bench.effort import QUICK
from tests.tools.bench.report.figure import Figure
from tests.tools.bench.rows.catalogue import ROWS, select
from tests.tools.bench.rows.row import Row, measure

SEEN = Figure(name="seen", unit="1/s", ours=1.0)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A bench without servers, for rows that need none."""
    servers = Servers("nowhere", "", "", [], [])
    return Bench(tmp_path, servers, {}, QUICK, [0], lambda _: None)


def test_rows_are_chosen_by_number_in_the_order_given() -> None:
    """Spaces do not matter."""
    assert [row.number for row in select("7, 1")] == [7, 1]


@pytest.mark.parametrize("text", ["", "0", "13", "x", "1,,2", "-1"])
def test_what_is_no_row_is_refused(text: str) -> None:
    """A number that there is not, or no number, is named."""
    with pytest.raises(ValueError, match="is not a row"):
        select(text)


def test_there_are_twelve_rows() -> None:
    """Their numbers are 1 to 12, each once."""
    assert [row.number for row in ROWS] == list(range(1, 13))


async def test_a_row_that_fails_keeps_what_it_has_and_says_why(bench: Bench) -> None:
    """Its error is a line, the first words and the last, and nothing is raised."""

    async def breaks(_: Bench) -> AsyncIterator[Figure]:
        yield SEEN
        raise ExceptionGroup(
            "tasks", [MeasurementError("it ended with 1:\n  in a file\n  no topic")]
        )

    measured = await measure(Row(1, "breaks", breaks), bench)
    assert measured.figures == [SEEN]
    assert measured.error == "MeasurementError: it ended with 1: ... no topic"


async def test_a_row_that_is_measured_has_no_error(bench: Bench) -> None:
    """All its figures are there."""

    async def works(_: Bench) -> AsyncIterator[Figure]:
        yield SEEN
        yield SEEN

    measured = await measure(Row(1, "works", works), bench)
    assert measured.figures == [SEEN, SEEN]
    assert not measured.error
