"""When the whole pipeline holds a rate."""

import msgspec
import pytest

from tests.tools.bench.bench import buckets_for
from tests.tools.bench.load_tool import LoadLatency, LoadReport
from tests.tools.bench.measurement.trend import Reading
from tests.tools.bench.rows.pipeline import Bound, why_not

RATE = 1_000.0
REPORT = LoadReport(
    events=10_000,
    accepted=10_000,
    refused=0,
    unanswered=0,
    refused_by={},
    seconds_sending=10.2,
    domains=8,
    ok=True,
    verdict="every count is right",
    latencies={"bulk": LoadLatency(10.0, 20.0, 30.0)},
)
STEADY = [Reading(float(at), RATE * at, 100.0, 0.5) for at in range(9)]


def test_a_rate_holds_without_a_reason_against_it() -> None:
    """Every count is right, every answer on time."""
    assert not why_not(REPORT, RATE, STEADY, Bound(0.5))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ok": False, "verdict": "1 of 8 domains are wrong"}, "1 of 8 domains are wrong"),
        ({"refused": 5, "refused_by": {"node_full": 5}}, "5 refused {'node_full': 5}"),
        ({"unanswered": 7}, "7 unanswered"),
        ({"seconds_sending": 11.5}, "1.5 s late"),
    ],
)
def test_one_problem_is_enough(changes: dict[str, object], reason: str) -> None:
    """A wrong count, a refusal, a missing answer, or a late one, each by itself."""
    assert reason in why_not(msgspec.structs.replace(REPORT, **changes), RATE, STEADY, Bound(0.5))


def test_a_growing_delay_is_a_problem() -> None:
    """Every event was accepted, but the worker falls behind."""
    behind = [r._replace(lag=500.0 * r.at) for r in STEADY]
    assert "delay grew by 1.5 s" in why_not(REPORT, RATE, behind, Bound(0.5))


def test_with_a_bound_on_the_age_the_delay_may_grow_up_to_it() -> None:
    """Only the last third counts: the age follows the load from the start on."""
    older = [r._replace(oldest_seconds=r.at) for r in STEADY]
    assert not why_not(REPORT, RATE, older, Bound(0.5, age_seconds=9.0))
    assert "delay reached 8.1 s" in why_not(REPORT, RATE, older, Bound(0.5, age_seconds=8.0))


def test_a_keyspace_has_some_600_domains_a_bucket() -> None:
    """10,000,000 domains get the default."""
    assert [buckets_for(domains) for domains in (100, 1_000_000, 10_000_000)] == [1, 1_024, 16_384]
