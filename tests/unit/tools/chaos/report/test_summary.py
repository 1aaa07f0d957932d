"""The figures of a run, the page that shows them, and the command that prints them."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer import Typer
from typer.testing import CliRunner

from tests.tools.chaos.check.__main__ import EXIT_NO_HISTORY, EXIT_WRONG, main
from tests.tools.chaos.check.lag import longest_lag
from tests.tools.chaos.check.rules import collect, judge
from tests.tools.chaos.history import HistoryWriter, StoredRow
from tests.tools.chaos.report.summary import Summary, figures, summarize
from tests.tools.chaos.report.timeline import page
from tests.unit.tools.chaos.check.story import Story

_APP = Typer()
_APP.command()(main)


def _summary(story: Story) -> Summary:
    return summarize(collect(story.lines))


def test_reads_prove_the_longest_lag() -> None:
    """Accepted at 1.1 and 2.1; missing in a read sent at 5.95; visible at 9."""
    story = Story().sent(1).sent(2).read(3, 1).read(6, 1).read(9, 2)
    lag = longest_lag(collect(story.lines).domains.values())
    assert lag is not None
    assert lag.seconds == pytest.approx(3.85)
    assert lag.shown_seconds == pytest.approx(6.9)
    assert lag.accepted == pytest.approx(2.1)


def test_the_lag_of_a_lost_event_has_no_end() -> None:
    """It is never visible."""
    lag = _summary(Story().sent(1).read(5)).lag
    assert lag is not None
    assert lag.shown_seconds is None


def test_only_an_answer_after_the_202_ends_a_lag() -> None:
    """It was visible before, then missing, then visible again."""
    lag = _summary(Story().sent(1, took=2.0).read(2, 1).read(5).read(7, 1)).lag
    assert lag is not None
    assert lag.shown_seconds == pytest.approx(4.0)


def test_the_lag_of_a_key_begins_with_its_first_acceptance() -> None:
    """A repeat does not make an event younger."""
    lag = _summary(Story().sent(1, key="k").sent(4, key="k").read(5).read(6, 1)).lag
    assert lag is not None
    assert lag.accepted == pytest.approx(1.1)


def test_only_time_with_requests_counts_as_without_success() -> None:
    """Refused from the try at 5 on; there was no request from 9.1 to 50."""
    story = Story().sent(2).sent(5, outcome="refused").sent(9).sent(50)
    gap = _summary(story).without_success
    assert gap is not None
    assert (gap.begin, gap.end) == pytest.approx((5.0, 9.1))


def test_figures_count_faults_events_and_refusals() -> None:
    """By kind, by outcome and by status."""
    story = Story().sent(1).sent(2, outcome="refused").sent(3, outcome="unanswered")
    story.fault("kill", "kafka-1", 3, 4).fault("kill", "worker-1", 5, 6).read(7, 1)
    summary = _summary(story)
    assert summary.faults == {"kill": 2}
    assert (summary.accepted, summary.refused, summary.unanswered) == (1, 1, 1)
    assert summary.refusals == {"503": 1, "no answer": 1}
    assert (summary.domains, summary.reads, summary.settled) == (1, 1, None)
    assert dict(figures(summary))["lag 0 after the last fault"] == "not measured"


def _eventful() -> Story:
    story = Story().sent(1).sent(22, outcome="refused").unable(20, 25).pulse(2, lag=5)
    story.fault("freeze", "worker-1", 5, 7).fault("min<isr", "kafka-1, kafka-2", 18)
    return story.pulse(30, lag=None).pulse(40).settled().final(0).final(domain="<b>.example")


def test_the_page_stands_alone_and_shows_everything() -> None:
    """A picture that is XML, no script, no external address, every text escaped."""
    evidence = collect(_eventful().rows(StoredRow("events/0", "w<1>", 1, 0, 1)).lines)
    text = page(evidence, judge(evidence), summarize(evidence))
    assert "<script" not in text
    assert not re.search(r"""(src|href)=|url\(|https?:|@import""", text)
    svg = re.search(r"<svg.*</svg>", text, re.DOTALL)
    assert svg is not None
    classes = [each.get("class", "") for each in ET.fromstring(svg.group()).iter()]  # noqa: S314
    assert classes.count("bar freeze") == 1
    assert classes.count("bar other") == 2
    assert {"unable", "mark", "wrong", "line lag", "latency", "fill refused"} <= set(classes)
    assert "min&lt;isr" in text
    assert "w&lt;1&gt;" in text
    assert "w<1>" not in text
    assert "R1, R5 broken" in text


def _run(story: Story, folder: Path) -> tuple[int, str]:
    with HistoryWriter(folder / "history.jsonl") as writer:
        for line in story.lines:
            writer.write(line)
    arguments = [str(folder / "history.jsonl"), "--html", str(folder / "page.html")]
    result = CliRunner().invoke(_APP, arguments)
    return result.exit_code, result.output


def test_the_command_succeeds_on_a_history_that_holds(tmp_path: Path) -> None:
    """Status 0; it prints and draws the verdict."""
    status, output = _run(Story().sent(1).final(1), tmp_path)
    assert status == 0
    assert "seed 7: everything exercised held" in output
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


def test_the_command_names_the_first_wrong_domain_and_its_rows(tmp_path: Path) -> None:
    """Status 1."""
    status, output = _run(_eventful().rows(StoredRow("events/0", "w", 41, 0, 1)), tmp_path)
    assert status == EXIT_WRONG
    assert "first wrong domain: a.example" in output
    assert "events/0" in output
    assert "41" in output


def test_the_command_fails_where_nothing_was_compared(tmp_path: Path) -> None:
    """A truncated run is not a success."""
    assert _run(Story().sent(1), tmp_path)[0] == EXIT_WRONG


def test_the_command_refuses_another_file(tmp_path: Path) -> None:
    """Status 2, with the line."""
    path = tmp_path / "history.jsonl"
    path.write_text("{}\n")
    result = CliRunner().invoke(_APP, [str(path)])
    assert result.exit_code == EXIT_NO_HISTORY
    assert "line 1" in " ".join(result.output.split())  # however long the path is, and broken
