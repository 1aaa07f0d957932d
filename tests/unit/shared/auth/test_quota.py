"""The rate of requests and events of one API key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.auth.quota import Quota, TokenBucket


def admitted(bucket: TokenBucket, amount: int, now: float) -> bool:
    """Take *amount* and return True, or return False if the bucket is empty."""
    if bucket.wait_seconds(now) > 0:
        return False
    bucket.take(amount, now)
    return True


def test_the_amount_of_one_second_may_be_taken_at_once_and_then_as_much_as_flows_in() -> None:
    """Eight per second: eight at once, and one more each eighth of a second."""
    bucket = TokenBucket(8)
    assert [admitted(bucket, 1, 100.0) for _ in range(10)] == [True] * 8 + [False] * 2
    assert bucket.wait_seconds(100.0) == 0.125
    assert [admitted(bucket, 1, 100.125) for _ in range(2)] == [True, False]
    assert [admitted(bucket, 1, 200.0) for _ in range(9)] == [True] * 8 + [False]


def test_less_than_one_per_second_is_one_at_a_time() -> None:
    """One in four seconds."""
    bucket = TokenBucket(0.25)
    assert admitted(bucket, 1, 0.0)
    assert bucket.wait_seconds(0.0) == 4.0
    assert not admitted(bucket, 1, 3.9)
    assert admitted(bucket, 1, 4.0)


def test_more_than_the_amount_of_one_second_is_taken_on_credit() -> None:
    """5,000 at 1,000 per second are taken whole, and then nothing for the rest of five seconds."""
    bucket = TokenBucket(1000)
    assert admitted(bucket, 5000, 10.0)
    assert bucket.wait_seconds(10.0) == pytest.approx(4.001)
    assert not admitted(bucket, 1, 14.0)
    assert admitted(bucket, 1, 14.1)


@given(
    st.sampled_from([0.5, 3.0, 10.0, 1000.0]),
    st.lists(st.tuples(st.floats(0, 2), st.integers(1, 5000)), max_size=60),
)
def test_the_rate_holds_over_any_time(per_second: float, asked: list[tuple[float, int]]) -> None:
    """All that was taken has flowed in, except the amount of one second and the last taking."""
    bucket, now, taken, last = TokenBucket(per_second), 0.0, 0, 0
    for pause, amount in asked:
        now += pause
        if admitted(bucket, amount, now):
            taken, last = taken + amount, amount
            assert taken - last <= (now + max(1.0, 1 / per_second)) * per_second * (1 + 1e-9)
        # After the reported wait it is not empty.
        assert bucket.wait_seconds(now + bucket.wait_seconds(now) + 1e-6) == 0


def test_a_quota_takes_a_request_and_its_events_or_neither() -> None:
    """If the events are used up, the request is not taken, and the other way round."""
    quota = Quota(requests_per_second=2, events_per_second=4)
    assert quota.admit(4, 0.0) == 0
    assert quota.admit(1, 0.0) == 0.25
    assert quota.admit(0, 0.0) == 0.25  # its events are not counted yet
    assert quota.admit(1, 0.25) == 0
    assert quota.admit(0, 0.25) == 0.25  # no request is left
    assert quota.admit(1, 0.5) == 0


def test_events_that_are_counted_later_are_taken_whole_or_not() -> None:
    """Two concurrent requests do not both get the quota of one."""
    quota = Quota(requests_per_second=None, events_per_second=100)
    assert quota.admit(0, 0.0) == quota.admit(0, 0.0) == 0
    assert quota.admit_events(500, 0.0) == 0
    assert quota.admit_events(500, 0.0) == pytest.approx(4.01)
    assert quota.admit_events(500, 4.1) == 0


def test_without_limits_everything_is_taken() -> None:
    """None means no limit."""
    quota = Quota(None, None)
    assert [quota.admit(10**9, 0.0), quota.admit_events(10**9, 0.0)] == [0, 0]
