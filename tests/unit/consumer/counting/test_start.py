"""Where a partition starts, and when it must not."""

import pytest

from consumer.counting.position import Position
from consumer.counting.start import AcceptedLoss, Cause, Stopped, choose_start

# The partition has the offsets from 100 up to 200.


@pytest.mark.parametrize(
    ("committed", "start"),
    [
        (Position(150, 140), Position(150, 140)),
        (Position(150, 40), Position(150, 100)),
        (Position.at(100), Position.at(100)),
        (Position.at(200), Position.at(200)),
    ],
)
def test_a_committed_offset_in_the_partition_is_the_start(
    committed: Position, start: Position
) -> None:
    """Keys are read as far back as there are records."""
    assert choose_start(committed, 100, 200, None) == start


def test_a_group_without_an_offset_starts_at_the_beginning_of_a_whole_partition() -> None:
    """No record is deleted, so all of them are read."""
    assert choose_start(None, 0, 200, None) == Position.at(0)


@pytest.mark.parametrize(
    ("committed", "cause", "lost"),
    [
        (None, Cause.OFFSETS_MISSING, 100),
        (Position.at(99), Cause.RECORDS_DELETED, 1),
        (Position(40, 30), Cause.RECORDS_DELETED, 60),
        (Position.at(201), Cause.LOG_REWRITTEN, 0),
    ],
)
def test_a_partition_that_may_have_lost_records_stops(
    committed: Position | None, cause: Cause, lost: int
) -> None:
    """It states how many records are deleted and may not be counted."""
    found = choose_start(committed, 100, 200, None)

    assert isinstance(found, Stopped)
    assert (found.cause, found.lost) == (cause, lost)


@pytest.mark.parametrize("committed", [None, Position.at(40)])
def test_an_accepted_loss_starts_it_at_the_oldest_record(committed: Position | None) -> None:
    """The decision survives as the text of a commit."""
    number = None if committed is None else committed.next_offset
    metadata = AcceptedLoss(100, number).metadata()

    found = choose_start(committed, 100, 200, AcceptedLoss.parse(100, metadata))

    assert found == Position.at(100)


@pytest.mark.parametrize(
    ("committed", "start", "accepted"),
    [
        (Position.at(40), 101, AcceptedLoss(100, 40)),
        (Position.at(41), 100, AcceptedLoss(100, 40)),
        (Position.at(40), 100, AcceptedLoss(100, None)),
        (None, 100, AcceptedLoss(100, 0)),
        (Position.at(201), 100, AcceptedLoss(100, 201)),
        (Position.at(40), 100, AcceptedLoss.parse(100, "keys-from=40")),
        (Position.at(40), 100, AcceptedLoss.parse(100, "")),
    ],
)
def test_another_loss_than_the_accepted_one_does_not_start_it(
    committed: Position | None, start: int, accepted: AcceptedLoss | None
) -> None:
    """More was deleted, the decision is an old one, the topic is new, or the text is not ours."""
    assert isinstance(choose_start(committed, start, 200, accepted), Stopped)
