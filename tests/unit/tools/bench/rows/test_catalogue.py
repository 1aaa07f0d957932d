"""The selection of rows, and rows that fail."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.servers.backends import Servers
from tests.tools.bench.bench import Bench
from tests.tools.bench.effort import QUICK
from tests.tools.bench.measurement.result import MeasurementError
from tests.tools.bench.report.figure import Figure
from tests.tools.bench.rows.catalogue import BY_DEFAULT, select
from tests.tools.bench.rows.row import Row, measure

SEEN = Figure(name="seen", unit="1/s", ours=1.0)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A bench without servers, for rows that need none."""
    servers = Servers("nowhere", "", "", [], [])
    return Bench(tmp_path, servers, {}, QUICK, [0], lambda _: None)


@pytest.mark.parametrize("text", ["", "0", "15", "x", "1,,2", "-1"])
def test_an_unknown_row_is_refused(text: str) -> None:
    """The message has the wrong text."""
    with pytest.raises(ValueError, match="is not a row"):
        select(text)


def test_a_row_of_half_an_hour_is_measured_only_by_name() -> None:
    """The whole run is long enough."""
    (long,) = select("13")
    assert long not in BY_DEFAULT
    assert list(BY_DEFAULT) == select("1,2,3,4,5,6,7,8,9,10,11,12,14")


async def test_a_failing_row_keeps_its_figures_and_records_the_error(bench: Bench) -> None:
    """The error is one line with the first and the last words; nothing is raised."""

    async def breaks(_: Bench) -> AsyncIterator[Figure]:
        yield SEEN
        raise ExceptionGroup(
            "tasks", [MeasurementError("it ended with 1:\n  in a file\n  no topic")]
        )

    measured = await measure(Row(1, "breaks", breaks), bench)
    assert measured.figures == [SEEN]
    assert measured.error == "MeasurementError: it ended with 1: ... no topic"
