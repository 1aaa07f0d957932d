"""The runbook has an entry for each alert, and names nothing that is not there."""

import importlib.util
import re
from pathlib import Path

from tests.tools.runbook.__main__ import ENTRIES

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
RUNBOOK = DEPLOY / "RUNBOOK.md"
PAGES = (RUNBOOK, DEPLOY / "CAPACITY.md")
AGREED = {
    "ConsumerLagHigh",
    "PartitionStalled",
    "RefusalsHigh",
    "RowsDropped",
    "AuditMismatch",
    "CertificateExpiresSoon",
    "NodeDown",
    "DeadLettersArriving",
}


def anchors(page: Path) -> set[str]:
    """Return what headings of *page* are linked by."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}


def words(page: Path) -> str:
    """Return the text of *page* with each break of a line as a space."""
    return " ".join(page.read_text().split())


def alerts() -> set[str]:
    """Return the names of the alert rules."""
    rules = (DEPLOY / "observability").glob("alerts.yaml")
    found = {name for file in rules for name in re.findall(r"- alert: (\w+)", file.read_text())}
    return AGREED | found


def test_every_alert_has_its_entry() -> None:
    """Its link is the alert's name in lower case."""
    assert {name.lower() for name in alerts()} <= anchors(RUNBOOK)


def test_every_link_between_the_pages_leads_somewhere() -> None:
    """Headings change more often than links are looked at."""
    for page in PAGES:
        for file, anchor in re.findall(r"\]\(([\w./]*)(?:#([\w-]+))?\)", words(page)):
            target = page.parent / file if file else page
            assert target.exists(), file
            assert not anchor or anchor in anchors(target), anchor


def test_every_module_that_is_to_be_run_exists() -> None:
    """As ``python -m`` finds it."""
    for page in PAGES:
        for module in re.findall(r"python -m (\w[\w.]*)", words(page)):
            assert importlib.util.find_spec(module) is not None, module


def test_entries_that_can_be_tried_are_named_and_the_other_way_round() -> None:
    """``python -m tests.tools.runbook NAME`` knows each, and each stands in the runbook."""
    named = re.findall(r"python -m tests\.tools\.runbook ((?:[a-z]+_[a-z_]+ ?)+)", words(RUNBOOK))

    assert {name for group in named for name in group.split()} == set(ENTRIES)


def test_no_time_is_left_open() -> None:
    """Each entry says how long it took."""
    assert re.findall(r"@\w+@", RUNBOOK.read_text()) == []
