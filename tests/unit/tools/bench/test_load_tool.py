"""When the report of the load tool proves that the nodes held a rate."""

import msgspec
import pytest

from tests.unit.tools.bench.load_reports import RATE, REPORT


def test_a_rate_is_held_without_a_reason_against_it() -> None:
    """Every count is right, every answer on time."""
    assert not REPORT.why_not_held(RATE)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ok": False, "verdict": "1 of 8 domains are wrong"}, "1 of 8 domains are wrong"),
        ({"refused": 5, "refused_by": {"node_full": 5}}, "5 refused {'node_full': 5}"),
        ({"unanswered": 7}, "7 unanswered"),
        ({"seconds_sending": 91.5}, "1.5 s late"),
    ],
)
def test_one_problem_is_enough(changes: dict[str, object], reason: str) -> None:
    """A wrong count, a refusal, a missing answer, or a late one, each by itself."""
    assert reason in msgspec.structs.replace(REPORT, **changes).why_not_held(RATE)
