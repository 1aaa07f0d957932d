"""When all rows must be abandoned."""

import pytest

from consumer.counting.rows.row_epoch import RowEpoch


class Surroundings:
    """A store and a clock, controlled by the test."""

    def __init__(self) -> None:
        self.epoch = 7
        self.now = 1000.0


@pytest.fixture
def around() -> Surroundings:
    """A store without restarts."""
    return Surroundings()


@pytest.fixture
def epoch(around: Surroundings) -> RowEpoch:
    """An epoch that ends at a gap of more than 30 s."""
    return RowEpoch(lambda: around.epoch, lambda: around.now, longest_gap_seconds=30.0)


def test_an_epoch_continues_while_no_node_restarts(around: Surroundings, epoch: RowEpoch) -> None:
    """Time alone ends nothing if it is checked often enough."""
    first = epoch.current()
    for _ in range(10):
        around.now += 30.0
        assert epoch.current() == first


def test_a_restarted_node_ends_the_epoch(around: Surroundings, epoch: RowEpoch) -> None:
    """It ends once: the next check returns the new number."""
    first = epoch.current()
    around.epoch += 1
    second = epoch.current()
    assert second != first
    assert epoch.current() == second


def test_a_long_gap_ends_the_epoch(around: Surroundings, epoch: RowEpoch) -> None:
    """A worker that slept so long may have been replaced, and its rows deleted."""
    first = epoch.current()
    around.now += 30.1
    second = epoch.current()
    assert second != first
    assert epoch.current() == second
