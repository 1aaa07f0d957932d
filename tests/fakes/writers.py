"""Writer identities that differ from each other and are the same in every run."""

from collections.abc import Callable
from itertools import count
from uuid import UUID

from consumer.counting.rows.superseded import UNIX_EPOCH_TICKS


def node_of(number: int) -> bytes:
    """Return the end of every identity of process *number*."""
    return number.to_bytes(6)


def writer_at(seconds: float, node: int = 1, number: int = 0) -> bytes:
    """Return a version 1 UUID that was made *seconds* after 1970."""
    ticks = UNIX_EPOCH_TICKS + int(seconds * 10_000_000) + number
    fields = (ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48 | 0x1000, 0x80, 0, node)
    return UUID(fields=fields).bytes


def writers(node: int = 1, clock: Callable[[], float] = lambda: 0.0) -> Callable[[], bytes]:
    """Return a source of version 1 UUIDs; each *node* has its own."""
    numbers = count(1)
    return lambda: writer_at(clock(), node, next(numbers))
