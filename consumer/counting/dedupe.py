"""Tell which events of a log repeat one that stands before them, by their idempotency keys.

An event with a key is a duplicate if the same key of the same domain stands earlier in the
same log, appended within the window before it. That is a function of the log alone: every
worker that reads it decides alike, so a duplicate never makes a count inexact.

Times are the log's own (LogAppendTime). They may run back by a little when a partition's
leader moves: keys are remembered for a margin beyond the window.
"""

from collections import deque
from dataclasses import dataclass

from shared.model.domain import DomainName

WINDOW_MS = 10 * 60 * 1000
MARGIN_MS = 60 * 1000
_MARK_EVERY_MS = 1000


@dataclass(slots=True)
class _Mark:
    """A stretch of the log: where and when it begins, and its first event with a key."""

    first_offset: int
    timestamp_ms: int
    first_key_offset: int | None = None


class Dedupe:
    """The keys of one log that may still be repeated, and where to find them again.

    Bounded by the keys of eleven minutes, and one mark a second since the committed offset.
    """

    def __init__(self) -> None:
        # Each key's last sighting, oldest first.
        self._seen_ms: dict[tuple[DomainName, str], int] = {}
        self._marks: deque[_Mark] = deque()
        self._newest_ms = 0

    def __len__(self) -> int:
        return len(self._seen_ms)

    def advance(self, offset: int, timestamp_ms: int) -> None:
        """Note that records from *offset*, appended at *timestamp_ms*, are read next."""
        self._newest_ms = max(self._newest_ms, timestamp_ms)
        if not self._marks or timestamp_ms - self._marks[-1].timestamp_ms >= _MARK_EVERY_MS:
            self._marks.append(_Mark(offset, timestamp_ms))
        horizon = self._newest_ms - WINDOW_MS - MARGIN_MS
        while self._seen_ms:
            oldest = next(iter(self._seen_ms))
            if self._seen_ms[oldest] >= horizon:
                break
            del self._seen_ms[oldest]

    def is_duplicate(self, domain: DomainName, key: str, offset: int, timestamp_ms: int) -> bool:
        """Whether *key* repeats an earlier one; it is remembered either way."""
        mark = self._marks[-1]
        if mark.first_key_offset is None:
            mark.first_key_offset = offset
        seen_ms = self._seen_ms.pop((domain, key), None)
        self._seen_ms[domain, key] = timestamp_ms
        return seen_ms is not None and timestamp_ms - seen_ms <= WINDOW_MS

    def keys_from(self, next_offset: int) -> int:
        """Return from where to read to know every key that a record at *next_offset* may repeat.

        Forgets where older ones are: do not ask for a lower offset later.
        """
        begun = [mark.timestamp_ms for mark in self._marks if mark.first_offset <= next_offset]
        horizon = (begun[-1] if begun else 0) - WINDOW_MS - MARGIN_MS
        # A stretch ends when the next one begins: only then is all of it before the horizon.
        while len(self._marks) > 1 and self._marks[1].timestamp_ms < horizon:
            self._marks.popleft()
        keys = (m.first_key_offset for m in self._marks if m.first_key_offset is not None)
        return min(next(keys, next_offset), next_offset)
