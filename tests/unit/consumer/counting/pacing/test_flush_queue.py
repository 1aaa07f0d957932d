"""In which order buckets are written."""

from consumer.counting.pacing.flush_queue import FlushQueue


def drained(queue: FlushQueue, now: float) -> list[int]:
    """Take out every bucket that is due."""
    found = []
    while (bucket := queue.pop(now)) is not None:
        found.append(bucket)
    return found


def test_the_longest_owing_goes_first_and_changes_before_it() -> None:
    """A bucket keeps its place, however often it is scheduled."""
    queue = FlushQueue(1.0)
    for bucket, since in ((1, 0.2), (3, 0.1), (2, 0.0), (4, 0.2), (3, 0.9)):
        queue.schedule(bucket, since, None, urgent=False)
    queue.schedule(2, 0.0, None, urgent=True)
    queue.schedule(2, 0.0, None, urgent=False)
    assert queue.has_urgent(1.0)
    assert drained(queue, 1.0) == [2, 3, 1, 4]


def test_a_bucket_that_still_owes_keeps_its_rank() -> None:
    """After a write that could not carry everything, or that carried a change of status."""
    queue = FlushQueue(1.0)
    queue.schedule(1, 0.0, None, urgent=False)
    queue.schedule(2, 5.0, None, urgent=False)
    assert queue.pop(10.0) == 1
    queue.schedule(1, 0.0, 10.0, urgent=False)
    assert drained(queue, 11.0) == [1, 2]


def test_a_bucket_that_was_just_written_waits_and_a_quiet_one_does_not() -> None:
    """Counts that merely move cost one write in an interval."""
    queue = FlushQueue(1.0)
    queue.schedule(1, 0.0, 10.0, urgent=False)
    queue.schedule(2, 0.0, None, urgent=False)
    queue.schedule(3, 0.0, 5.0, urgent=False)
    assert (queue.next_at(10.5), drained(queue, 10.5)) == (10.5, [2, 3])
    assert (queue.next_at(10.5), drained(queue, 10.9)) == (11.0, [])
    assert drained(queue, 11.0) == [1]
    assert queue.next_at(11.0) is None


def test_a_change_of_status_does_not_wait() -> None:
    """Also of a bucket that was just written."""
    queue = FlushQueue(1.0)
    queue.schedule(1, 0.0, 10.0, urgent=False)
    queue.schedule(1, 0.0, 10.0, urgent=True)
    assert queue.pop(10.0, urgent_only=True) == 1
    assert drained(queue, 99.0) == []


def test_only_changes_are_taken_where_only_they_are_wanted() -> None:
    """They have places of their own."""
    queue = FlushQueue(1.0)
    queue.schedule(1, 0.0, None, urgent=False)
    assert queue.pop(0.0, urgent_only=True) is None
    assert not queue.has_urgent(0.0)


def test_a_deferred_bucket_waits_and_stays_urgent() -> None:
    """Its replicas failed lately; others go on."""
    queue = FlushQueue(1.0)
    queue.schedule(1, 0.0, None, urgent=True)
    queue.schedule(2, 0.0, None, urgent=False)
    assert queue.pop(0.0) == 1
    queue.defer(1, 0.0, 0.2, urgent=True)
    assert drained(queue, 0.1) == [2]
    assert queue.pop(0.2, urgent_only=True) == 1


def test_while_draining_nothing_waits_for_its_interval() -> None:
    """Neither what waits already nor what comes later."""
    queue = FlushQueue(60.0)
    queue.schedule(1, 0.0, 10.0, urgent=False)
    queue.drain()
    queue.schedule(2, 0.0, 10.0, urgent=False)
    assert drained(queue, 10.0) == [1, 2]
    assert queue.next_at(10.0) is None
