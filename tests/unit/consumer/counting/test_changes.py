"""Which changes of status are pending, and which commits they delay."""

from consumer.counting.append_times import AppendTimes
from consumer.counting.changes import ChangeOutbox
from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.event import Event
from tests.unit.consumer.events import A, B, bounced, delivered

TOPIC_PARTITION = "events/0"
THRESHOLD = 4


def new_outbox() -> ChangeOutbox:
    """Return an outbox whose records were appended at 1000 ms + their offset."""
    times = AppendTimes()
    for offset in range(100):
        times.record(offset, 1000 + offset)
    return ChangeOutbox(TOPIC_PARTITION, THRESHOLD, times)


def acknowledge(
    outbox: ChangeOutbox,
    domain: DomainName,
    before: Counters,
    after: Counters,
    first: int,
    end: int,
) -> None:
    """Record that events from *first* to before *end* are counted."""
    outbox.record_acknowledged(domain, before, after, first, end - 1)


def replay(outbox: ChangeOutbox, event: Event, offset: int, counted: Counters, end: int) -> None:
    """Record that *event* was read again."""
    outbox.record_replayed(event.domain, event.kind, event.count, offset, counted, end)


def test_a_change_has_the_counted_totals_and_the_append_time_of_its_newest_event() -> None:
    """The totals are those after the flush."""
    outbox = new_outbox()
    acknowledge(outbox, A, Counters(3, 0), Counters(5, 0), 10, 21)
    assert outbox.peek(10) == [Change(A, TOPIC_PARTITION, Counters(5, 0), appended_at=1020)]


def test_counts_without_a_new_status_are_not_a_change() -> None:
    """This holds below the threshold, above it, and after the first bounce."""
    outbox = new_outbox()
    acknowledge(outbox, A, Counters(0, 0), Counters(4, 0), 0, 4)
    acknowledge(outbox, A, Counters(5, 0), Counters(9, 0), 5, 9)
    acknowledge(outbox, A, Counters(9, 1), Counters(10, 2), 9, 11)
    assert not outbox
    assert outbox.oldest_offset(11) is None


def test_changes_stay_in_order_until_they_are_published() -> None:
    """After a failure the same changes come first again."""
    outbox = new_outbox()
    acknowledge(outbox, A, Counters(0, 0), Counters(5, 0), 0, 5)
    acknowledge(outbox, B, Counters(0, 0), Counters(0, 1), 5, 6)
    (first,) = outbox.peek(1)
    acknowledge(outbox, A, Counters(5, 0), Counters(5, 1), 6, 7)
    assert [change.domain for change in outbox.peek(10)] == [A, B, A]
    assert outbox.peek(1) == [first]
    outbox.remove_published(1)
    assert [change.domain for change in outbox.peek(10)] == [B, A]


def test_an_unpublished_change_delays_the_commit_of_its_events() -> None:
    """The next owner needs the oldest of these events to find the change."""
    outbox = new_outbox()
    acknowledge(outbox, A, Counters(0, 0), Counters(5, 0), 7, 12)
    acknowledge(outbox, B, Counters(0, 0), Counters(0, 1), 3, 30)
    assert outbox.oldest_offset(30) == 3
    outbox.remove_published(1)
    assert outbox.oldest_offset(30) == 3
    outbox.remove_published(1)
    assert outbox.oldest_offset(30) is None


def test_a_change_inside_a_replay_is_found_once() -> None:
    """Four events were counted before the replay and the fifth changed the status."""
    outbox = new_outbox()
    replay(outbox, delivered(A), 20, Counters(7, 0), end=23)
    replay(outbox, delivered(A), 21, Counters(7, 0), end=23)
    assert not outbox
    replay(outbox, delivered(A), 22, Counters(7, 0), end=23)
    assert outbox.peek(10) == [Change(A, TOPIC_PARTITION, Counters(7, 0), appended_at=1022)]
    assert outbox.oldest_offset(23) == 20

    outbox = new_outbox()
    replay(outbox, bounced(A), 20, Counters(9, 1), end=23)
    replay(outbox, delivered(A), 21, Counters(9, 1), end=23)
    replay(outbox, delivered(A), 22, Counters(9, 1), end=23)
    assert len(outbox) == 1


def test_a_domain_whose_status_is_older_than_the_replay_is_not_published_again() -> None:
    """The events before the replay are enough for its status."""
    outbox = new_outbox()
    replay(outbox, delivered(A, 3), 20, Counters(8, 0), end=21)
    replay(outbox, bounced(B, 2), 21, Counters(0, 3), end=22)
    assert not outbox
    assert outbox.oldest_offset(22) is None


def test_an_unknown_domain_delays_no_commit() -> None:
    """An unknown domain never had another status, so there is no change to find."""
    outbox = new_outbox()
    replay(outbox, delivered(A), 20, Counters(4, 0), end=30)
    assert outbox.oldest_offset(21) is None
    assert not outbox._replays


def test_a_replay_delays_commits_until_it_ends() -> None:
    """A worker that starts in its middle would see one bounce of two, and no change."""
    outbox = new_outbox()
    replay(outbox, bounced(A), 20, Counters(0, 2), end=31)
    assert outbox.oldest_offset(25) == 20
    replay(outbox, bounced(A), 30, Counters(0, 2), end=31)
    assert outbox.oldest_offset(31) == 20
    outbox.remove_published(1)
    assert outbox.oldest_offset(31) is None
    assert not outbox._replays


def test_a_replay_whose_last_event_never_comes_does_not_delay_commits_for_ever() -> None:
    """After all counted events there is nothing more to find."""
    outbox = new_outbox()
    replay(outbox, bounced(A), 20, Counters(0, 2), end=31)
    assert outbox.oldest_offset(31) is None


def test_an_unfinished_replay_is_not_continued() -> None:
    """Its sum does not count for the next replay."""
    outbox = new_outbox()
    replay(outbox, bounced(A), 20, Counters(0, 2), end=31)
    replay(outbox, bounced(A), 40, Counters(0, 2), end=42)
    assert not outbox
    assert outbox.oldest_offset(41) == 40


def test_a_domain_that_changes_again_during_a_replay_is_published_again() -> None:
    """Its rows, read once more, contain a bounce that another worker counted."""
    outbox = new_outbox()
    replay(outbox, delivered(A, 5), 20, Counters(6, 0), end=30)
    replay(outbox, bounced(A), 29, Counters(6, 1), end=33)
    replay(outbox, delivered(A), 32, Counters(6, 1), end=33)
    assert [change.counted for change in outbox.peek(10)] == [Counters(6, 0), Counters(6, 1)]
