"""The page of a report."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from tests.tools.load.measurement.series import Percentile, SecondRow
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
    """No script, no link, no address."""
    page = page_of(report)
    root = ET.fromstring(page.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 our own text
    assert {"script", "link", "img", "iframe"}.isdisjoint(node.tag for node in root.iter())
    assert not re.search(r"https?:|url\(|@import|\s(src|href)=", page)
    assert len(root.findall(".//svg[@role='img']")) == 3
    assert "prefers-color-scheme:dark" in page


def test_text_of_servers_is_escaped() -> None:
    """A breach with markup in it stays text."""
    hostile = replace(
        WRONG, wrong=[WrongDomain("<b>.com", "<script>x</script>")], breaches=["<img src=x>"]
    )
    assert "<script>" not in page_of(hostile)
    assert "<img" not in page_of(hostile)
