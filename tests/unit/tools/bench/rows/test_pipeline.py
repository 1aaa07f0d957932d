"""When the whole pipeline holds a rate."""

import msgspec

from tests.tools.bench.bench import buckets_for
from tests.tools.bench.measurement.trend import Reading
from tests.tools.bench.rows.pipeline import Bound, why_not
from tests.unit.tools.bench.load_reports import RATE, REPORT

STEADY = [Reading(float(at), RATE * at, 100.0, 0.5) for at in range(9)]


def test_a_rate_holds_without_a_reason_against_it() -> None:
    """Every count is right, every answer on time."""
    assert not why_not(REPORT, RATE, STEADY, Bound(0.5))


def test_a_bad_answer_is_enough() -> None:
    """Even if the worker's delay does not grow."""
    refused = msgspec.structs.replace(REPORT, refused=5)
    assert "5 refused" in why_not(refused, RATE, STEADY, Bound(0.5))


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
