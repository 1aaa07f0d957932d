"""The output and the exit status of a run."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.tools.load import __main__ as program
from tests.tools.load.measurement.latency import Latency
from tests.tools.load.measurement.series import Percentile, SecondRow
from tests.tools.load.options import LoadOptions
from tests.tools.load.preflight import PreflightError
from tests.tools.load.report.report import Report
from tests.tools.load.report.table import print_report
from tests.tools.load.report.watch import Watcher
from tests.tools.load.sending.processes import SendingError
from tests.tools.load.verification.verify import WrongDomain

GOOD = Report(
    seed=7,
    profile="waves",
    mode="put",
    connections=64,
    processes=1,
    offered_per_second=2_000.0,
    events=10,
    accepted=7,
    refused=2,
    unanswered=1,
    refused_by={"node_full": 2},
    unanswered_by={"timeout": 1},
    seconds_sending=0.5,
    latencies={"put": Latency(7, 1.0, 2.0, 3.0, 4.0)},
    start_lag=Latency(10, 0.1, 0.2, 0.3, 0.4),
    cpu_seconds=0.4,
    ceiling_per_second=30_000.0,
    domains=3,
    seconds_until_right=0.25,
    wrong_count=0,
    wrong=[],
    breaches=[],
    series=[SecondRow(0, 10, 10, 7, 2, 1, 1.0, 2.0, 3.0, 4.0)],
    percentiles=[Percentile(0.0, 0.5), Percentile(0.5, 1.0), Percentile(1.0, 4.0)],
    machine={"processor": "<fast> & small"},
)
WRONG = replace(
    GOOD,
    seconds_until_right=None,
    wrong_count=25,
    wrong=[WrongDomain(f"d{n}.com", "delivered is 0, but 1 were accepted") for n in range(25)],
)


def printed(report: Report) -> str:
    """Return the final table."""
    console = Console(file=StringIO(), width=120)
    print_report(report, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_a_run_is_good_if_something_was_accepted_and_every_count_is_right() -> None:
    """Refused and unanswered requests are figures; wrong counts and answers are failures."""
    assert GOOD.ok
    assert not WRONG.ok
    assert not replace(GOOD, breaches=["put: status 200"]).ok
    assert not replace(GOOD, accepted=0).ok


def test_the_first_twenty_wrong_domains_are_named() -> None:
    """The rest is counted."""
    text = printed(WRONG)
    assert "d19.com: delivered is 0, but 1 were accepted" in text
    assert "d20.com" not in text
    assert "and 5 more" in text
    assert "25 of 3 domains are wrong" in text


def test_a_report_does_not_call_right_what_another_program_compares() -> None:
    """The load went well, which is all that it knows."""
    report = replace(GOOD, compared=False, seconds_until_right=None)
    assert (report.ok, report.verdict) == (True, "no count was compared")


def test_the_json_report_has_the_verdict_too() -> None:
    """For programs."""
    report = json.loads(WRONG.to_json())
    assert report["ok"] is False
    assert report["sent_per_second"] == 20.0
    assert len(report["wrong"]) == 25
    assert report["latencies"]["put"]["p99_ms"] == 3.0


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (GOOD, 0),
        (WRONG, 1),
        (PreflightError("Start the system."), 2),
        (SendingError("Died."), 2),
        (KeyboardInterrupt(), 130),
    ],
)
def test_the_exit_status_is_the_result(
    outcome: Report | BaseException,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """0: all right; 1: wrong counts; 2: nothing to send to; 130: interrupted."""

    async def run_load(_options: LoadOptions, _watcher: Watcher) -> Report:
        if isinstance(outcome, Report):
            return outcome
        raise outcome

    monkeypatch.setattr(program, "run_load", run_load)
    console = Console(file=StringIO())
    report, page = tmp_path / "report.json", tmp_path / "page.html"
    assert program.run(LoadOptions(seed=1), report, page, console) == status
    assert report.exists() == page.exists() == isinstance(outcome, Report)
