"""When what died is started again."""

from deploy.local.restarts import Restarts


def test_first_death_is_answered_at_once() -> None:
    """One death, even a quick one, costs no pause."""
    assert Restarts().pause_seconds(0.1) == 0


def test_quick_deaths_are_answered_later_and_later() -> None:
    """What keeps dying at once waits longer each time, up to a limit."""
    restarts = Restarts()
    pauses = [restarts.pause_seconds(0.1) for _ in range(9)]
    assert pauses == [0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_long_life_forgives_earlier_deaths() -> None:
    """After a long life the pauses begin anew."""
    restarts = Restarts()
    for _ in range(5):
        restarts.pause_seconds(0.1)
    assert restarts.pause_seconds(60) == 0
    assert [restarts.pause_seconds(0.1) for _ in range(2)] == [0, 1]
