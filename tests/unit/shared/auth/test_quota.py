"""How much of it there is per second."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.auth.quota import Account, Bucket


def admitted(bucket: Bucket, amount: int, now: float) -> bool:
    """Take *amount* if there is anything; whether there was."""
    if bucket.wait_seconds(now) > 0:
        return False
    bucket.take(amount, now)
    return True


def test_a_second_s_worth_may_come_at_once_and_then_as_much_as_flows_in() -> None:
    """Eight a second: eight, and one more each eighth of a second."""
    bucket = Bucket(8)
    assert [admitted(bucket, 1, 100.0) for _ in range(10)] == [True] * 8 + [False] * 2
    assert bucket.wait_seconds(100.0) == 0.125
    assert [admitted(bucket, 1, 100.125) for _ in range(2)] == [True, False]
    assert [admitted(bucket, 1, 200.0) for _ in range(9)] == [True] * 8 + [False]


def test_less_than_one_a_second_is_one_at_a_time() -> None:
    """One in four seconds."""
    bucket = Bucket(0.25)
    assert admitted(bucket, 1, 0.0)
    assert bucket.wait_seconds(0.0) == 4.0
    assert not admitted(bucket, 1, 3.9)
    assert admitted(bucket, 1, 4.0)


def test_what_is_more_than_a_second_s_worth_is_taken_on_credit() -> None:
    """5,000 at 1,000 a second are taken whole, and then nothing for the rest of five seconds."""
    bucket = Bucket(1000)
    assert admitted(bucket, 5000, 10.0)
    assert bucket.wait_seconds(10.0) == pytest.approx(4.001)
    assert not admitted(bucket, 1, 14.0)
    assert admitted(bucket, 1, 14.1)


@given(
    st.sampled_from([0.5, 3.0, 10.0, 1000.0]),
    st.lists(st.tuples(st.floats(0, 2), st.integers(1, 5000)), max_size=60),
)
def test_the_rate_holds_over_any_time(per_second: float, asked: list[tuple[float, int]]) -> None:
    """Of all that is taken, all but a second's worth and the last taking has flowed in."""
    bucket, now, taken, last = Bucket(per_second), 0.0, 0, 0
    for pause, amount in asked:
        now += pause
        if admitted(bucket, amount, now):
            taken, last = taken + amount, amount
            assert taken - last <= (now + max(1.0, 1 / per_second)) * per_second * (1 + 1e-9)
        # Whoever waits as long as he is told finds something.
        assert bucket.wait_seconds(now + bucket.wait_seconds(now) + 1e-6) == 0


def test_an_account_takes_a_request_and_its_events_or_neither() -> None:
    """Where events are missing the request is not taken either, and the other way round."""
    account = Account(requests_per_second=2, events_per_second=4)
    assert account.admit(4, 0.0) == 0
    assert account.admit(1, 0.0) == 0.25
    assert account.admit(0, 0.0) == 0.25  # whatever is yet to be counted
    assert account.admit(1, 0.25) == 0
    assert account.admit(0, 0.25) == 0.25  # no request is left
    assert account.admit(1, 0.5) == 0


def test_events_that_are_counted_later_are_taken_whole_or_not_at_all() -> None:
    """Two that come at once do not both get what is there for one."""
    account = Account(requests_per_second=None, events_per_second=100)
    assert account.admit(0, 0.0) == account.admit(0, 0.0) == 0
    assert account.admit_events(500, 0.0) == 0
    assert account.admit_events(500, 0.0) == pytest.approx(4.01)
    assert account.admit_events(500, 4.1) == 0


def test_without_quotas_everything_is_taken() -> None:
    """None is no bound."""
    account = Account(None, None)
    assert [account.admit(10**9, 0.0), account.admit_events(10**9, 0.0)] == [0, 0]
