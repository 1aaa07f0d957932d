"""Find events that repeat an earlier one of the same partition, by their idempotency keys.

An event with a key is a duplicate if an earlier record of the same partition has the same key
and domain, and was appended within the window before it. So duplicate detection depends only
on the topic partition's records: every worker that reads them decides alike, and a duplicate
never makes a count inexact.

Times are Kafka's append times. They may go back a little when the partition gets a new leader,
so keys are remembered for a margin beyond the window.
"""

from collections import deque
from dataclasses import dataclass

from shared.model.domain import DomainName

WINDOW_MS = 10 * 60 * 1000
MARGIN_MS = 60 * 1000
_MARK_EVERY_MS = 1000


@dataclass(slots=True)
class _Mark:
    """A stretch of records: the offset and time of its first record, and its first key."""

    first_offset: int
    timestamp_ms: int
    first_key_offset: int | None = None


class Dedupe:
    """The keys of one partition that may still be repeated, and the offsets to find them at.

    Memory is bounded by the keys of eleven minutes, and one mark per second since the committed
    offset.
    """

    def __init__(self) -> None:
        # The time at which each key was last read, oldest first.
        self._seen_ms: dict[tuple[DomainName, str], int] = {}
        self._marks: deque[_Mark] = deque()
        self._newest_ms = 0

    def __len__(self) -> int:
        return len(self._seen_ms)

    def advance(self, offset: int, timestamp_ms: int) -> None:
        """Start to read records from *offset* on, appended at *timestamp_ms*."""
        self._newest_ms = max(self._newest_ms, timestamp_ms)
        if not self._marks or timestamp_ms - self._marks[-1].timestamp_ms >= _MARK_EVERY_MS:
            self._marks.append(_Mark(offset, timestamp_ms))
        horizon = self._newest_ms - WINDOW_MS - MARGIN_MS
        while self._seen_ms:
            oldest = next(iter(self._seen_ms))
            if self._seen_ms[oldest] >= horizon:
                break
            del self._seen_ms[oldest]

    def is_duplicate(
        self, domain: DomainName, idempotency_key: str, offset: int, timestamp_ms: int
    ) -> bool:
        """Return whether the key repeats an earlier one, and remember it in both cases."""
        mark = self._marks[-1]
        if mark.first_key_offset is None:
            mark.first_key_offset = offset
        seen_ms = self._seen_ms.pop((domain, idempotency_key), None)
        self._seen_ms[domain, idempotency_key] = timestamp_ms
        return seen_ms is not None and timestamp_ms - seen_ms <= WINDOW_MS

    def keys_from(self, next_offset: int) -> int:
        """Return the offset to read from to know every key that *next_offset* may repeat.

        Forgets the offsets of older keys, so later calls must not pass a lower offset.
        """
        begun = [mark.timestamp_ms for mark in self._marks if mark.first_offset <= next_offset]
        horizon = (begun[-1] if begun else 0) - WINDOW_MS - MARGIN_MS
        # A stretch ends where the next one starts: only then is all of it before the horizon.
        while len(self._marks) > 1 and self._marks[1].timestamp_ms < horizon:
            self._marks.popleft()
        keys = (m.first_key_offset for m in self._marks if m.first_key_offset is not None)
        return min(next(keys, next_offset), next_offset)
