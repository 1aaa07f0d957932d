"""When all rows must be left."""

import pytest

from consumer.counting.row_epoch import RowEpoch


class Surroundings:
    """A store and a clock that a test moves."""

    def __init__(self) -> None:
        self.epoch = 7
        self.now = 1000.0


@pytest.fixture
def around() -> Surroundings:
    """A quiet store."""
    return Surroundings()


@pytest.fixture
def epoch(around: Surroundings) -> RowEpoch:
    """An epoch that a gap of more than 30 s ends."""
    return RowEpoch(lambda: around.epoch, lambda: around.now, longest_gap_seconds=30.0)


def test_a_quiet_store_is_one_epoch(around: Surroundings, epoch: RowEpoch) -> None:
    """Time alone, asked for often enough, ends nothing."""
    first = epoch.current()
    for _ in range(10):
        around.now += 30.0
        assert epoch.current() == first


def test_a_restarted_node_ends_it(around: Surroundings, epoch: RowEpoch) -> None:
    """Once: the next question finds the new one."""
    first = epoch.current()
    around.epoch += 1
    second = epoch.current()
    assert second != first
    assert epoch.current() == second


def test_a_long_sleep_ends_it(around: Surroundings, epoch: RowEpoch) -> None:
    """Whoever slept so long was replaced, and its rows may be deleted."""
    first = epoch.current()
    around.now += 30.1
    second = epoch.current()
    assert second != first
    assert epoch.current() == second
