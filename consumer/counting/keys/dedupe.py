"""Find events that repeat an earlier one of the same partition, by their idempotency keys. Pure.

An event with a key is a duplicate if an earlier record of the partition has the same domain, kind
and key, and is in the *key window*: of the last hour, and of the last 2,000,000 events with a key,
by default. The count is not compared.

**A duplicate is a function of the partition's records alone**, so all workers decide alike,
wherever they start to read, however many records they fetch at a time, and whatever their clocks
are. So a worker may never forget a key early because its memory is full: the bound on memory is
the bound on events, which every worker counts in the same records. It must be the same in all.

Time is the log's: between two records, it is the sum of all forward steps of the append time, in
whole seconds. This depends only on the records between them. A broker's clock that is set back
stops this time for a moment, and one that is set forward ends the window early.
"""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from hashlib import blake2b

from consumer.counting.keys.key_table import KeyTable
from shared.model.event import EventKind

_MS_PER_SECOND = 1000
_CHECK_BITS = 32


@dataclass(frozen=True, slots=True)
class KeyWindow:
    """How long a key is remembered: the shorter of the two. All workers must agree on both."""

    seconds: int = 3600
    max_events: int = 2_000_000
    """Events with a key, per partition."""


class Dedupe:
    """The keys of one partition that may still be repeated, and the offsets to find them at.

    Records are read in the order of offsets. One that is read again, in a batch that a rebalance
    interrupted, changes nothing. Memory is bounded by the window's ``max_events``, and 24 bytes for
    each second of the window and since the committed offset.
    """

    def __init__(self, window: KeyWindow) -> None:
        self._window = window
        self._keys = KeyTable()
        self._events = 0  # with a key, so far
        self._oldest = 0  # the first of them in the window's seconds
        self._second = 0  # of the log's time, since the first record
        self._read_second: int | None = None  # of the last record's append time
        # The offsets after the last record of all, and with a key, that was passed in.
        self._read_to = self._keyed_to = 0
        # For each second with records: the second, its first offset, the events before it.
        self._seconds, self._offsets, self._numbers = array("Q"), array("Q"), array("Q")

    def __len__(self) -> int:
        """Return the number of events with a key in the window."""
        return self._events - self._window_start()

    @property
    def memory_keys(self) -> int:
        """The number of keys in memory, with those that are removed soon."""
        return len(self._keys)

    @property
    def window_lost_seconds(self) -> int:
        """By how much the window is shorter now than its seconds: it has too many events."""
        start = self._events - self._window.max_events
        if start <= self._oldest:
            return 0
        reached = self._seconds[bisect_right(self._numbers, start) - 1]
        return self._window.seconds - (self._second - reached)

    def advance(self, offset: int, appended_ms: int) -> None:
        """Move the time on to the record at *offset*.

        Call it for each record, before ``is_duplicate``, or for the first of several with the same
        time.
        """
        if offset < self._read_to:
            return
        self._read_to = offset + 1
        second = appended_ms // _MS_PER_SECOND
        before, self._read_second = self._read_second, second
        if before is not None:
            if second <= before:
                return
            self._second += second - before
        self._seconds.append(self._second)
        self._offsets.append(offset)
        self._numbers.append(self._events)
        first = bisect_left(self._seconds, self._second - self._window.seconds)
        self._oldest = self._numbers[first]
        if self._oldest == self._events and len(self._keys):
            self._keys = KeyTable()

    def is_duplicate(
        self, domain: bytes, kind: EventKind, idempotency_key: str, offset: int
    ) -> bool:
        """Return whether the event at *offset* repeats an earlier one; remember it in both cases.

        A record that was read before repeats itself.
        """
        if offset < self._keyed_to:
            return True
        self._read_to = self._keyed_to = offset + 1
        start, number = self._window_start(), self._events
        self._events = number + 1
        name = b" ".join((domain, kind.encode(), idempotency_key.encode()))
        # Three parts, separable from the end: neither key nor kind contains a space.
        digest = int.from_bytes(blake2b(name, digest_size=12).digest())
        before = self._keys.replace(
            digest >> _CHECK_BITS, digest & (1 << _CHECK_BITS) - 1, number, start
        )
        return before is not None and before >= start

    def keys_from(self, next_offset: int) -> int:
        """Return the offset to read from to know every key that *next_offset* may repeat.

        Forgets the offsets of older keys, so later calls must not pass a lower offset.
        """
        at = bisect_right(self._offsets, next_offset) - 1
        if at < 0:
            return next_offset
        # At the beginning of that second; the window of a later record starts no earlier.
        by_time = bisect_left(self._seconds, self._seconds[at] - self._window.seconds)
        by_events = bisect_right(self._numbers, self._numbers[at] - self._window.max_events) - 1
        number = self._numbers[max(by_time, by_events)]
        keys_from = next_offset
        if number < self._events:
            keys_from = min(self._offsets[bisect_right(self._numbers, number) - 1], next_offset)
        del self._seconds[:by_time], self._offsets[:by_time], self._numbers[:by_time]
        return keys_from

    def _window_start(self) -> int:
        """Return the number of the first event with a key in the window of the next one."""
        return max(self._oldest, self._events - self._window.max_events)
