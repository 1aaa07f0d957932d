"""Which changes of status are pending, and which commits they delay."""

from consumer.counting.aggregate import Increment
from consumer.counting.append_times import AppendTimes
from consumer.counting.changes import ChangeOutbox
from shared.model.change import Change
from shared.model.counter import Counters
from tests.unit.consumer.events import A, B, bounced, delivered

TOPIC_PARTITION = "events/0"
THRESHOLD = 4


def new_outbox() -> ChangeOutbox:
    """Return an outbox whose records were appended at 1000 ms + their offset."""
    times = AppendTimes()
    for offset in range(100):
        times.record(offset, 1000 + offset)
    return ChangeOutbox(TOPIC_PARTITION, THRESHOLD, times)


def increment(delivered: int, bounced: int, first: int, end: int) -> Increment:
    """Return the sum of the events from *first* to before *end*."""
    return Increment(delivered, bounced, first, end, since=0.0)


def test_a_change_has_the_counted_totals_and_the_append_time_of_its_newest_event() -> None:
    """The totals are those after the flush."""
    outbox = new_outbox()
    outbox.record_acknowledged(A, Counters(3, 0), increment(2, 0, first=10, end=21))
    assert outbox.peek(10) == [Change(A, TOPIC_PARTITION, Counters(5, 0), appended_at=1020)]


def test_counts_without_a_new_status_are_not_a_change() -> None:
    """This holds below the threshold, above it, and after the first bounce."""
    outbox = new_outbox()
    outbox.record_acknowledged(A, Counters(0, 0), increment(4, 0, first=0, end=4))
    outbox.record_acknowledged(A, Counters(5, 0), increment(4, 0, first=5, end=9))
    outbox.record_acknowledged(A, Counters(9, 1), increment(1, 1, first=9, end=11))
    assert not outbox
    assert outbox.oldest_offset(11) is None


def test_changes_stay_in_order_until_they_are_published() -> None:
    """After a failure the same changes come first again."""
    outbox = new_outbox()
    outbox.record_acknowledged(A, Counters(0, 0), increment(5, 0, first=0, end=5))
    outbox.record_acknowledged(B, Counters(0, 0), increment(0, 1, first=5, end=6))
    (first,) = outbox.peek(1)
    outbox.record_acknowledged(A, Counters(5, 0), increment(0, 1, first=6, end=7))
    assert [change.domain for change in outbox.peek(10)] == [A, B, A]
    assert outbox.peek(1) == [first]
    outbox.remove_published(1)
    assert [change.domain for change in outbox.peek(10)] == [B, A]


def test_an_unpublished_change_delays_the_commit_of_its_events() -> None:
    """The next owner needs the oldest of these events to find the change."""
    outbox = new_outbox()
    outbox.record_acknowledged(A, Counters(0, 0), increment(5, 0, first=7, end=12))
    outbox.record_acknowledged(B, Counters(0, 0), increment(0, 1, first=3, end=30))
    assert outbox.oldest_offset(30) == 3
    outbox.remove_published(1)
    assert outbox.oldest_offset(30) == 3
    outbox.remove_published(1)
    assert outbox.oldest_offset(30) is None


def test_a_change_inside_a_replay_is_found_once() -> None:
    """Four events were counted before the replay and the fifth changed the status."""
    outbox = new_outbox()
    outbox.record_replayed(delivered(A), 20, Counters(7, 0), end=23)
    outbox.record_replayed(delivered(A), 21, Counters(7, 0), end=23)
    assert not outbox
    outbox.record_replayed(delivered(A), 22, Counters(7, 0), end=23)
    assert outbox.peek(10) == [Change(A, TOPIC_PARTITION, Counters(7, 0), appended_at=1022)]
    assert outbox.oldest_offset(23) == 20

    outbox = new_outbox()
    outbox.record_replayed(bounced(A), 20, Counters(9, 1), end=23)
    outbox.record_replayed(delivered(A), 21, Counters(9, 1), end=23)
    outbox.record_replayed(delivered(A), 22, Counters(9, 1), end=23)
    assert len(outbox) == 1


def test_a_domain_whose_status_is_older_than_the_replay_is_not_published_again() -> None:
    """The events before the replay are enough for its status."""
    outbox = new_outbox()
    outbox.record_replayed(delivered(A, 3), 20, Counters(8, 0), end=21)
    outbox.record_replayed(bounced(B, 2), 21, Counters(0, 3), end=22)
    assert not outbox
    assert outbox.oldest_offset(22) is None


def test_an_unknown_domain_delays_no_commit() -> None:
    """An unknown domain never had another status, so there is no change to find."""
    outbox = new_outbox()
    outbox.record_replayed(delivered(A), 20, Counters(4, 0), end=30)
    assert outbox.oldest_offset(21) is None
    assert not outbox._replays


def test_a_replay_delays_commits_until_it_ends() -> None:
    """A worker that starts in its middle would see one bounce of two, and no change."""
    outbox = new_outbox()
    outbox.record_replayed(bounced(A), 20, Counters(0, 2), end=31)
    assert outbox.oldest_offset(25) == 20
    outbox.record_replayed(bounced(A), 30, Counters(0, 2), end=31)
    assert outbox.oldest_offset(31) == 20
    outbox.remove_published(1)
    assert outbox.oldest_offset(31) is None
    assert not outbox._replays


def test_a_replay_whose_last_event_never_comes_does_not_delay_commits_for_ever() -> None:
    """After all counted events there is nothing more to find."""
    outbox = new_outbox()
    outbox.record_replayed(bounced(A), 20, Counters(0, 2), end=31)
    assert outbox.oldest_offset(31) is None


def test_an_unfinished_replay_is_not_continued() -> None:
    """Its sum does not count for the next replay."""
    outbox = new_outbox()
    outbox.record_replayed(bounced(A), 20, Counters(0, 2), end=31)
    outbox.record_replayed(bounced(A), 40, Counters(0, 2), end=42)
    assert not outbox
    assert outbox.oldest_offset(41) == 40


def test_a_domain_that_changes_again_during_a_replay_is_published_again() -> None:
    """Its rows, read once more, contain a bounce that another worker counted."""
    outbox = new_outbox()
    outbox.record_replayed(delivered(A, 5), 20, Counters(6, 0), end=30)
    outbox.record_replayed(bounced(A), 29, Counters(6, 1), end=33)
    outbox.record_replayed(delivered(A), 32, Counters(6, 1), end=33)
    assert [change.counted for change in outbox.peek(10)] == [Counters(6, 0), Counters(6, 1)]
