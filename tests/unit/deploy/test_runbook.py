"""Everything that the pages of deploy/ name exists: links, commands, log events, entries."""

import importlib.util
import re
from pathlib import Path

from tests.tools.runbook.__main__ import ENTRIES

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
RUNBOOK = DEPLOY / "RUNBOOK.md"
PAGES = sorted(DEPLOY.rglob("*.md"))
TIERS = ("ingest", "consumer", "query", "shared")


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of *page*."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}


def words(page: Path) -> str:
    """Return the text of *page* with each line break as a space."""
    return " ".join(page.read_text().split())


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


def test_every_quoted_log_event_exists() -> None:
    """Operators search for these words in the logs."""
    quoted = set(re.findall(r"`([a-z]+(?:,? [a-z]+)+)`", words(RUNBOOK)))
    events = {text for text in quoted if text.split()[0] not in {"make", "nodetool"}}
    sources = [path.read_text() for tier in TIERS for path in (ROOT / tier).rglob("*.py")]

    assert len(events) == 4
    for event in events:
        assert any(f'"{event}"' in source for source in sources), event


def test_the_runbook_and_its_test_tool_have_the_same_entries() -> None:
    """``python -m tests.tools.runbook NAME`` runs exactly the entries that the runbook names."""
    named = re.findall(r"python -m tests\.tools\.runbook ((?:[a-z]+_[a-z_]+ ?)+)", words(RUNBOOK))

    assert {name for group in named for name in group.split()} == set(ENTRIES)


def test_no_placeholder_is_left() -> None:
    """Placeholders stand for measured times."""
    assert re.findall(r"@\w+@", RUNBOOK.read_text()) == []
