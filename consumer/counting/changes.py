"""Owe the topic of changes every change of status that is counted, at least once. Pure.

A change is owed once the counters that prove it are acknowledged, and until Kafka has it no
offset of the events behind it is committed. So if a worker dies in between, the next owner
reads those events again, and skips them as counted: it finds the change in what it skips.
Of a domain with the totals T, and R the sum of what was skipped so far, T - R is what was
counted when the replay began, or more. A status never goes back, so as soon as that of T - R
is another than that of T, it has changed since, and is owed; if the two are still the same
when all that is counted was read again, nothing has changed. Until then the domain holds
commits back as well: a later replay would see less of what makes the change.

Published twice is possible, published never is not. Of one worker the changes of a domain
come in order; but one that was frozen and replaced may wake up and publish an older truth
late. Whoever hears a bounce may believe it for good. Whoever hears of a catch-all must read.
"""

from collections import deque
from dataclasses import dataclass
from itertools import chain, islice

from consumer.counting.aggregate import Increment
from consumer.counting.append_times import AppendTimes
from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.status import Status, Verdict, classify


@dataclass(slots=True)
class _Replay:
    """What is read again of a domain although it is counted, from ``first_offset`` to ``end``."""

    first_offset: int
    end: int
    delivered: int = 0
    bounced: int = 0
    owed: Verdict | None = None

    def add(self, event: Event) -> None:
        if event.kind is EventKind.DELIVERED:
            self.delivered += event.count
        else:
            self.bounced += event.count


class ChangeOutbox:
    """The changes of one log that are counted and not published, in their order.

    A domain changes its status twice at most, so this is bounded by the domains.
    """

    def __init__(self, topic_partition: str, threshold: int, times: AppendTimes) -> None:
        self._topic_partition = topic_partition
        self._threshold = threshold
        self._times = times
        # Each with the offset of the oldest event behind it.
        self._pending: deque[tuple[int, Change]] = deque()
        self._replays: dict[DomainName, _Replay] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def record_acknowledged(
        self, domain: DomainName, before: Counters, increment: Increment
    ) -> None:
        """Note that *increment*, on top of *before*, is acknowledged."""
        if before.bounced > 0:
            return  # final
        after = Counters(before.delivered + increment.delivered, increment.bounced)
        if classify(before, self._threshold) is not classify(after, self._threshold):
            self._append(domain, after, increment.first_offset, increment.next_offset - 1)

    def record_replayed(self, event: Event, offset: int, counted: Counters, end: int) -> None:
        """Note that *event* was read again: its domain is *counted* up to before *end*."""
        status = classify(counted, self._threshold)
        if status.status is Status.UNKNOWN:
            return  # nor was it anything else before
        replay = self._replays.get(event.domain)
        if replay is None or offset >= replay.end:  # the end of that one never came
            replay = self._replays[event.domain] = _Replay(offset, end)
        replay.end = end
        replay.add(event)
        earlier = Counters(counted.delivered - replay.delivered, counted.bounced - replay.bounced)
        if replay.owed is not status and classify(earlier, self._threshold) is not status:
            replay.owed = status
            # Older than the newest event that is counted: that one may not be read again yet.
            self._append(event.domain, counted, replay.first_offset, offset)
        if offset + 1 >= end:
            del self._replays[event.domain]

    def peek(self, limit: int) -> list[Change]:
        """Return up to *limit* changes that are to be published now, the oldest ones."""
        return [change for _, change in islice(self._pending, limit)]

    def remove_published(self, number: int) -> None:
        """Note that Kafka has the *number* oldest ones."""
        for _ in range(number):
            self._pending.popleft()

    def oldest_offset(self, read_below: int) -> int | None:
        """Return the lowest offset that must not be committed.

        All events below *read_below* were told us or are owed to the store: a replay that ends
        there has no more to tell.
        """
        owed = (offset for offset, _ in self._pending)
        replays = (r.first_offset for r in self._replays.values() if r.end > read_below)
        return min(chain(owed, replays), default=None)

    def _append(
        self, domain: DomainName, counted: Counters, first_offset: int, newest: int
    ) -> None:
        change = Change(domain, self._topic_partition, counted, self._times.at(newest))
        self._pending.append((first_offset, change))
