"""The points of the last minutes."""

from query.pulse.history import WINDOW_SECONDS, History, Point


def point(at: float, lag: int = 0) -> Point:
    """Return a point at a time."""
    return Point(at, {}, None, lag)


def test_points_older_than_the_window_are_dropped() -> None:
    """The charts show five minutes."""
    history = History(1_000)
    for at in (1.0, 2.0, WINDOW_SECONDS + 1.5):
        history.add(point(at))
    assert [each.at for each in history.after(0)] == [2.0, WINDOW_SECONDS + 1.5]


def test_there_are_never_more_points_than_the_bound() -> None:
    """However often they are added."""
    history = History(3)
    for number in range(10):
        history.add(point(number / 1_000))
    assert [each.at for each in history.after(0)] == [0.007, 0.008, 0.009]


def test_a_client_gets_what_is_later_than_its_last_point() -> None:
    """Not that point again."""
    history = History(10)
    for at in (1.0, 2.0, 3.0):
        history.add(point(at))
    assert [each.at for each in history.after(2.0)] == [3.0]


def test_a_clock_that_is_set_back_leaves_the_times_in_order() -> None:
    """A chart cannot draw a line that goes back."""
    history = History(10)
    for at, lag in ((10.0, 1), (20.0, 2), (15.0, 3)):
        history.add(point(at, lag))
    assert [(each.at, each.lag) for each in history.after(0)] == [(10.0, 1), (15.0, 3)]
