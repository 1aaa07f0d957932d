"""The runbook has an entry for each alert, and everything it names exists."""

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
    """Return the anchors of the headings of *page*."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}


def words(page: Path) -> str:
    """Return the text of *page* with each line break as a space."""
    return " ".join(page.read_text().split())


def alerts() -> set[str]:
    """Return the names of the alert rules."""
    rules = (DEPLOY / "observability").glob("alerts.yaml")
    found = {name for file in rules for name in re.findall(r"- alert: (\w+)", file.read_text())}
    return AGREED | found


def test_every_alert_has_its_entry() -> None:
    """The anchor is the alert's name in lower case."""
    assert {name.lower() for name in alerts()} <= anchors(RUNBOOK)


def test_every_link_of_the_pages_has_a_target() -> None:
    """A changed heading breaks its links."""
    for page in PAGES:
        for file, anchor in re.findall(r"\]\(([\w./]*)(?:#([\w-]+))?\)", words(page)):
            target = page.parent / file if file else page
            assert target.exists(), file
            assert not anchor or anchor in anchors(target), anchor


def test_every_named_command_exists() -> None:
    """``python -m`` finds each module."""
    for page in PAGES:
        for module in re.findall(r"python -m (\w[\w.]*)", words(page)):
            assert importlib.util.find_spec(module) is not None, module


def test_the_runbook_and_its_test_tool_have_the_same_entries() -> None:
    """``python -m tests.tools.runbook NAME`` runs exactly the entries that the runbook names."""
    named = re.findall(r"python -m tests\.tools\.runbook ((?:[a-z]+_[a-z_]+ ?)+)", words(RUNBOOK))

    assert {name for group in named for name in group.split()} == set(ENTRIES)


def test_no_placeholder_is_left() -> None:
    """Placeholders stand for measured times."""
    assert re.findall(r"@\w+@", RUNBOOK.read_text()) == []
