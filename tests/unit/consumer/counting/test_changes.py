"""Which changes of status are owed to the topic of changes, and what they hold back."""

from consumer.counting.aggregate import Increment
from consumer.counting.append_times import AppendTimes
from consumer.counting.changes import ChangeOutbox
from shared.model.change import Change
from shared.model.counter import Counters
from tests.unit.consumer.events import A, B, bounced, delivered

TOPIC_PARTITION = "events/0"
THRESHOLD = 4


def new_outbox() -> ChangeOutbox:
    """Return an outbox of a log whose records were appended at 1000 ms + their offset."""
    times = AppendTimes()
    for offset in range(100):
        times.record(offset, 1000 + offset)
    return ChangeOutbox(TOPIC_PARTITION, THRESHOLD, times)


def increment(delivered: int, bounced: int, first: int, end: int) -> Increment:
    """Return the sum of events from *first* to before *end*."""
    return Increment(delivered, bounced, first, end, since=0.0)


def test_a_change_says_what_is_counted_by_now_and_how_old_its_newest_event_is() -> None:
    """The totals after the flush, and when Kafka took the last event in it."""
    outbox = new_outbox()
    outbox.record_acknowledged(A, Counters(3, 0), increment(2, 0, first=10, end=21))
    assert outbox.peek(10) == [Change(A, TOPIC_PARTITION, Counters(5, 0), appended_at=1020)]


def test_counts_that_merely_move_are_no_change() -> None:
    """Up to the threshold, beyond it, and after the first bounce."""
    outbox = new_outbox()
    outbox.record_acknowledged(A, Counters(0, 0), increment(4, 0, first=0, end=4))
    outbox.record_acknowledged(A, Counters(5, 0), increment(4, 0, first=5, end=9))
    outbox.record_acknowledged(A, Counters(9, 1), increment(1, 1, first=9, end=11))
    assert not outbox
    assert outbox.oldest_offset(11) is None


def test_changes_come_in_their_order_and_stay_until_they_are_published() -> None:
    """What was asked for and failed is asked for again, before what came since."""
    outbox = new_outbox()
    outbox.record_acknowledged(A, Counters(0, 0), increment(5, 0, first=0, end=5))
    outbox.record_acknowledged(B, Counters(0, 0), increment(0, 1, first=5, end=6))
    (first,) = outbox.peek(1)
    outbox.record_acknowledged(A, Counters(5, 0), increment(0, 1, first=6, end=7))
    assert [change.domain for change in outbox.peek(10)] == [A, B, A]
    assert outbox.peek(1) == [first]
    outbox.remove_published(1)
    assert [change.domain for change in outbox.peek(10)] == [B, A]


def test_an_unpublished_change_holds_back_the_events_behind_it() -> None:
    """Up to the oldest of them: the next owner needs all to see the change."""
    outbox = new_outbox()
    outbox.record_acknowledged(A, Counters(0, 0), increment(5, 0, first=7, end=12))
    outbox.record_acknowledged(B, Counters(0, 0), increment(0, 1, first=3, end=30))
    assert outbox.oldest_offset(30) == 3
    outbox.remove_published(1)
    assert outbox.oldest_offset(30) == 3
    outbox.remove_published(1)
    assert outbox.oldest_offset(30) is None


def test_a_change_within_what_is_read_again_is_owed_once() -> None:
    """Four were counted before the replay, a fifth made it: that is known when it is skipped."""
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
    """Bounces and deliveries from before are enough for what it is."""
    outbox = new_outbox()
    outbox.record_replayed(delivered(A, 3), 20, Counters(8, 0), end=21)
    outbox.record_replayed(bounced(B, 2), 21, Counters(0, 3), end=22)
    assert not outbox
    assert outbox.oldest_offset(22) is None


def test_a_domain_that_is_unknown_after_all_holds_nothing_back() -> None:
    """It was nothing else before: there is no change to be found."""
    outbox = new_outbox()
    outbox.record_replayed(delivered(A), 20, Counters(4, 0), end=30)
    assert outbox.oldest_offset(21) is None
    assert not outbox._replays


def test_a_replay_holds_commits_back_until_it_is_over() -> None:
    """Whoever began in its middle would see one bounce of two, and no change."""
    outbox = new_outbox()
    outbox.record_replayed(bounced(A), 20, Counters(0, 2), end=31)
    assert outbox.oldest_offset(25) == 20
    outbox.record_replayed(bounced(A), 30, Counters(0, 2), end=31)
    assert outbox.oldest_offset(31) == 20
    outbox.remove_published(1)
    assert outbox.oldest_offset(31) is None
    assert not outbox._replays


def test_a_replay_whose_last_event_never_comes_holds_nothing_back_for_good() -> None:
    """Once everything that is counted was passed, there is nothing more to find."""
    outbox = new_outbox()
    outbox.record_replayed(bounced(A), 20, Counters(0, 2), end=31)
    assert outbox.oldest_offset(31) is None


def test_a_replay_whose_end_never_came_is_not_gone_on_with() -> None:
    """What it had added up does not count for the next one."""
    outbox = new_outbox()
    outbox.record_replayed(bounced(A), 20, Counters(0, 2), end=31)
    outbox.record_replayed(bounced(A), 40, Counters(0, 2), end=42)
    assert not outbox
    assert outbox.oldest_offset(41) == 40


def test_a_domain_that_moved_on_in_the_middle_of_a_replay_is_owed_again() -> None:
    """Forgotten and read once more, its rows say a bounce that another worker counted."""
    outbox = new_outbox()
    outbox.record_replayed(delivered(A, 5), 20, Counters(6, 0), end=30)
    outbox.record_replayed(bounced(A), 29, Counters(6, 1), end=33)
    outbox.record_replayed(delivered(A), 32, Counters(6, 1), end=33)
    assert [change.counted for change in outbox.peek(10)] == [Counters(6, 0), Counters(6, 1)]
