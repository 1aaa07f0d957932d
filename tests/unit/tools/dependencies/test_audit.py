"""What a report of vulnerabilities comes to."""

from collections.abc import Awaitable, Callable
from typing import Any

from tests.tools.dependencies.audit import Outcome, Package, Report, Vulnerability, judge, settle
from tests.tools.dependencies.project import read_pyproject

SOUND = Package("sound", "1.0")


def test_a_finding_says_where_and_what_mends_it() -> None:
    """With its other names, by which people look it up."""
    weak = Package("weak", "2.0", [Vulnerability("GHSA-1", ["2.1"], ["CVE-1"])])
    worse = Package("worse", "3.0", [Vulnerability("GHSA-2")])
    assert judge(Report([SOUND, weak, worse])) == (
        Outcome.FOUND,
        [
            "weak 2.0: GHSA-1 (CVE-1), fixed in 2.1",
            "worse 3.0: GHSA-2, fixed in no version yet",
        ],
    )


def test_nothing_found_among_all_is_good_news() -> None:
    """It says among how many."""
    assert judge(Report([SOUND, SOUND])) == (
        Outcome.CLEAN,
        ["none of 2 packages is known to be vulnerable"],
    )


def test_what_was_not_looked_up_is_no_good_news() -> None:
    """Neither a package that was skipped nor a report of nothing."""
    skipped = Package("private", skip_reason="not found")
    assert judge(Report([SOUND, skipped])) == (Outcome.FAILED, ["private: not found"])
    assert judge(Report([]))[0] is Outcome.FAILED


def test_whatever_is_passed_over_has_a_reason() -> None:
    """A sentence beside each identifier."""
    ignored = read_pyproject()["tool"]["catchall"]["vulnerabilities"]
    assert all(isinstance(reason, str) and reason for reason in ignored.values())


def in_turn(*results: Any) -> Callable[[], Awaitable[Any]]:
    """Return what gives *results* one by one, and fails when asked once too often."""
    waiting = iter(results)

    async def give() -> Any:
        return next(waiting)

    return give


async def test_an_audit_without_a_report_is_tried_once_more() -> None:
    """The second report counts like the first."""
    found = await settle(in_turn(None, None), in_turn("it broke off", Report([SOUND])))
    assert found[0] is Outcome.CLEAN


async def test_it_is_not_tried_for_ever() -> None:
    """A service that answers, and a tool that does not, is a failure and no good news."""
    found = await settle(in_turn(None, None), in_turn("it broke off", "it broke off again"))
    assert found == (Outcome.FAILED, ["pip-audit gives no report: it broke off again"])


async def test_a_service_that_goes_away_midway_is_said_to_be_away() -> None:
    """It is asked before each attempt."""
    found = await settle(in_turn(None, "it answers 503"), in_turn("it broke off"))
    assert found == (Outcome.UNREACHABLE, ["it answers 503"])
