"""Keep the undecodable records of a partition until they are published as dead letters. Pure."""

from collections import deque
from itertools import islice

MAX_WAITING_BYTES = 4 * 1024 * 1024
"""A partition with more than this in dead letters is not read until they are published."""
_BATCH_LETTERS = 500
_BATCH_BYTES = 1024 * 1024
"""With the largest letter on top, still less than an append may have."""


class DeadLetterOutbox:
    """The encoded dead letters of one partition that are not published, in order.

    Until Kafka has them, the offsets of their records are not committed: after a crash the next
    owner reads these records again. So a dead letter may be published twice; it is never lost.
    """

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether no more records should be read."""
        return self._bytes > MAX_WAITING_BYTES

    def add(self, offset: int, letter: bytes) -> None:
        """Keep *letter*, which is about the record at *offset*."""
        self._waiting.append((offset, letter))
        self._bytes += len(letter)

    def peek(self) -> list[bytes]:
        """Return the oldest letters, as many as one append may have, without removing them."""
        batch, size = [], 0
        for _, letter in islice(self._waiting, _BATCH_LETTERS):
            batch.append(letter)
            size += len(letter)
            if size > _BATCH_BYTES:
                break
        return batch

    def remove_published(self, number: int) -> None:
        """Remove the *number* oldest letters: Kafka has them."""
        for _ in range(number):
            _, letter = self._waiting.popleft()
            self._bytes -= len(letter)

    def oldest_offset(self) -> int | None:
        """Return the lowest offset that must not be committed; None if nothing waits."""
        return self._waiting[0][0] if self._waiting else None
