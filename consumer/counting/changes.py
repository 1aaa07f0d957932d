"""Keep every counted change of status until it is published, at least once. Pure.

A change is pending once the counters that prove it are acknowledged. Until Kafka has it, no
offset of the events behind it is committed. So if a worker dies in between, the next owner
reads those events again. They are counted, so it skips them, and finds the change in them:

- Let T be the counted totals of a domain, and R the sum of the events skipped so far. T - R is
  what was counted when the replay began, or more.
- A status never goes back. So once the status of T - R differs from the status of T, the status
  has changed since the replay began, and the change is pending.
- If both are still equal when all counted events have been read again, nothing has changed.
- Until then the domain delays commits too: a later replay would start with fewer of its events,
  and could miss the change.

A change may be published twice; it is never lost. The changes that one worker publishes for a
domain are in order. But a worker that was frozen and replaced may wake up and publish an older
status late. So a reader may trust a bounce for good, and must read the counters after any
other change.
"""

from collections import deque
from dataclasses import dataclass
from itertools import chain, islice

from consumer.counting.append_times import AppendTimes
from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.event import EventKind
from shared.model.status import Status, Verdict, classify


@dataclass(slots=True)
class _Replay:
    """The counted events of a domain that are read again, from ``first_offset`` to ``end``."""

    first_offset: int
    end: int
    delivered: int = 0
    bounced: int = 0
    reported: Verdict | None = None

    def add(self, kind: EventKind, count: int) -> None:
        if kind is EventKind.DELIVERED:
            self.delivered += count
        else:
            self.bounced += count


class ChangeOutbox:
    """The changes of one partition that are counted and not published, in order.

    A domain changes its status at most twice, so the number of domains bounds the memory.
    """

    def __init__(self, topic_partition: str, threshold: int, times: AppendTimes) -> None:
        self._topic_partition = topic_partition
        self._threshold = threshold
        self._times = times
        # Each change with the offset of the oldest event behind it.
        self._pending: deque[tuple[int, Change]] = deque()
        self._replays: dict[DomainName, _Replay] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def record_acknowledged(
        self,
        domain: DomainName,
        before: Counters,
        after: Counters,
        first_offset: int,
        newest_offset: int,
    ) -> None:
        """Keep the change from *before* to *after*, if it is one: it is acknowledged.

        The events behind it lie from *first_offset* to *newest_offset*.
        """
        if classify(before, self._threshold) is not classify(after, self._threshold):
            self._append(domain, after, first_offset, newest_offset)

    def record_replayed(
        self,
        domain: DomainName,
        kind: EventKind,
        count: int,
        offset: int,
        counted: Counters,
        end: int,
    ) -> None:
        """Record that an event was read again; *counted* covers its domain below offset *end*."""
        status = classify(counted, self._threshold)
        if status.status is Status.UNKNOWN:
            return  # then its status never was another one
        replay = self._replays.get(domain)
        if replay is None or offset >= replay.end:  # that replay never reached its end
            replay = self._replays[domain] = _Replay(offset, end)
        replay.end = end
        replay.add(kind, count)
        earlier = Counters(counted.delivered - replay.delivered, counted.bounced - replay.bounced)
        if replay.reported is not status and classify(earlier, self._threshold) is not status:
            replay.reported = status
            # The append time is that of this event: the newest counted one may not be read yet.
            self._append(domain, counted, replay.first_offset, offset)
        if offset + 1 >= end:
            del self._replays[domain]

    def peek(self, limit: int) -> list[Change]:
        """Return up to *limit* of the oldest changes, without removing them."""
        return [change for _, change in islice(self._pending, limit)]

    def remove_published(self, number: int) -> None:
        """Remove the *number* oldest changes: Kafka has them."""
        for _ in range(number):
            self._pending.popleft()

    def oldest_offset(self, read_below: int) -> int | None:
        """Return the lowest offset that must not be committed.

        All events below *read_below* were added here, or are owed: a replay that ends there is
        over, and is forgotten.
        """
        self._replays = {d: r for d, r in self._replays.items() if r.end > read_below}
        pending = (offset for offset, _ in self._pending)
        replays = (replay.first_offset for replay in self._replays.values())
        return min(chain(pending, replays), default=None)

    def _append(
        self, domain: DomainName, counted: Counters, first_offset: int, newest: int
    ) -> None:
        change = Change(domain, self._topic_partition, counted, self._times.at(newest))
        self._pending.append((first_offset, change))
