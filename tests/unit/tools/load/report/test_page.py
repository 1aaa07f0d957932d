"""The page of a report: well-formed, by itself, and true to the figures."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from tests.tools.load.measurement.series import Percentile, SecondRow
from tests.tools.load.report.charts import Line, draw, nice_steps, second_ticks
from tests.tools.load.report.page import page_of
from tests.tools.load.report.report import Report
from tests.tools.load.verification.verify import WrongDomain
from tests.unit.tools.load.report.test_report import GOOD, WRONG

LONG = replace(
    GOOD,
    series=[SecondRow(n, 2_000, 2_000, 1_990, 10, n % 2, 1.0, 2.0, 3.0, 40.0) for n in range(90)],
    percentiles=[Percentile(1 - 10**-nines, float(nines + 1)) for nines in range(6)]
    + [Percentile(1.0, 40.0)],
)
EMPTY = replace(GOOD, accepted=0, latencies={}, series=[], percentiles=[], machine={})


@pytest.mark.parametrize("report", [GOOD, WRONG, LONG, EMPTY])
def test_a_page_is_well_formed_and_loads_nothing(report: Report) -> None:
    """No script, no link, no address: it is the same wherever it is opened."""
    page = page_of(report)
    root = ET.fromstring(page.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 our own text
    assert {"script", "link", "img", "iframe"}.isdisjoint(node.tag for node in root.iter())
    assert not re.search(r"https?:|url\(|@import|\s(src|href)=", page)
    assert len(root.findall(".//svg[@role='img']")) == 3
    assert "prefers-color-scheme:dark" in page


def test_a_page_shows_the_verdict_the_figures_and_what_is_wrong() -> None:
    """A reader needs nothing else."""
    page = page_of(WRONG)
    assert "25 of 3 domains are wrong" in page
    assert "d19.com" in page
    assert "d20.com" not in page
    assert "&lt;fast&gt; &amp; small" in page


def test_what_servers_say_is_shown_as_text() -> None:
    """A breach with markup in it stays text."""
    hostile = replace(
        WRONG, wrong=[WrongDomain("<b>.com", "<script>x</script>")], breaches=["<img src=x>"]
    )
    assert "<script>" not in page_of(hostile)
    assert "<img" not in page_of(hostile)


def test_the_axis_ends_at_a_round_number_above_all_points() -> None:
    """Nothing is drawn outside the picture."""
    assert nice_steps(1_990) == [0, 500, 1_000, 1_500, 2_000]
    assert nice_steps(0.37)[-1] == pytest.approx(0.4)
    drawn = draw("x", "y", [Line("a", "a", [(0, 3), (7, 1_990)])], [])
    points = re.findall(r'<polyline class="a" points="([^"]+)"', drawn)[0].split()
    pairs = [tuple(map(float, point.split(","))) for point in points]
    assert all(0 <= x <= 860 and 0 <= y <= 260 for x, y in pairs)
    assert pairs[0][1] > pairs[1][1]


def test_a_point_by_itself_is_seen_and_no_points_are_said_so() -> None:
    """A run of one second has a picture, and one without an answer is no blank."""
    assert 'class="a dot" points="78.0,14.0 78.0,14.0"' in draw(
        "x", "y", [Line("a", "a", [(0, 2)])], []
    )
    assert "nothing to draw" in draw("x", "y", [Line("a", "a", [])], [])
    assert "nothing to draw" not in draw("x", "y", [Line("a", "a", [(0, 0)])], [])


@pytest.mark.parametrize(
    ("seconds", "marks"), [(0, "0 1"), (1, "0 1"), (3, "0 1 2 3"), (120, "0 20 40 60 80 100 120")]
)
def test_a_time_axis_has_whole_seconds(seconds: int, marks: str) -> None:
    """Nothing is measured between them."""
    assert " ".join(tick.text for tick in second_ticks(seconds)) == marks
