"""When row 13 holds its rate."""

from dataclasses import replace

import msgspec
import pytest

from tests.tools.bench.assignment.samples import (
    Sample,
    describe_writes,
    growth_of_age,
    largest_commit_delay_seconds,
    why_not_held,
)
from tests.unit.tools.bench.load_reports import RATE, REPORT


def samples(age: float = 20.0, growth: float = 0.0) -> list[Sample]:
    """Return a sample of each second; the age grows, and offsets are committed every ten."""
    return [
        Sample(
            at=float(at),
            answered=RATE * at,
            appended=RATE * at,
            unread=0.0,
            committed=RATE * max(0, at // 10 * 10 - 20),
            age_seconds=age + growth * at,
            rows=100.0 * at,
            writes=2.0 * at,
            write_seconds=0.05 * at,
            usage={},
        )
        for at in range(90)
    ]


def test_a_rate_is_held_without_a_reason_against_it() -> None:
    """Every answer on time, counts not too old, and not getting older."""
    assert not why_not_held(REPORT, RATE, samples(), 60.0)


def test_a_bad_answer_is_enough() -> None:
    """Even if counts are young."""
    refused = msgspec.structs.replace(REPORT, refused=5)
    assert "5 refused" in why_not_held(refused, RATE, samples(), 60.0)


def test_counts_must_not_be_too_old_at_any_time() -> None:
    """Also if they are young again at the end."""
    seen = samples()
    seen[3] = replace(seen[3], age_seconds=61.0)
    assert why_not_held(REPORT, RATE, seen, 60.0) == "counts were 61 s old"


def test_the_age_must_not_grow_in_the_last_third() -> None:
    """Before it may: the age follows the load."""
    early = [replace(s, age_seconds=min(20.0, s.at)) for s in samples()]
    assert not why_not_held(REPORT, RATE, early, 600.0)
    assert growth_of_age(samples(growth=0.5)) == pytest.approx(0.5)
    assert "grew by 0.50 s" in why_not_held(REPORT, RATE, samples(growth=0.5), 600.0)


def test_writes_are_described_by_their_number_size_and_time() -> None:
    """Between two samples; after the death of a worker its writes are missing."""
    seen = samples()
    assert describe_writes(seen[9], seen[4]) == "100 rows/s, 50 a write, 25 ms each"
    assert describe_writes(seen[4], seen[9]) == "no writes"


def test_the_commit_delay_is_that_of_the_oldest_uncommitted_record() -> None:
    """Just before a commit it is longest: 20 s late, and 10 s after the last one."""
    assert largest_commit_delay_seconds(samples()) == pytest.approx(29.0, abs=1.0)
