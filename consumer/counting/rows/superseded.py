"""Decide which superseded rows may be deleted. Pure.

A row is superseded once a row of the same domain and topic partition counts up to a larger or
equal offset. An update that is still on its way to a deleted row brings it back as the sum of
what came after the deletion. Its offset is then lower than the newest row's, so it loses, unless
its writer gets far ahead. Hence the delay: this process sends nothing to a row it abandoned, and
another writer is gone within a session, long before hours are over.

How long a row has been superseded follows from the store alone: its successor's writer is a
version 1 UUID (RFC 9562), which contains the time when that row was started. So every owner
finds the same answer, however often the partition moves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from consumer.counting.rows.writer_rows import StoredRow

UNIX_EPOCH_TICKS = 0x01B21DD213814000
_TICKS_PER_SECOND = 10_000_000
_NODE = slice(10, 16)


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a superseded row is kept: one of this process, and one of another writer.

    ``node`` is the last 6 bytes of every writer of this process.
    """

    node: bytes
    own_seconds: float
    others_seconds: float


def started_at(writer: bytes) -> float:
    """Return when *writer*, a version 1 UUID, was made, in seconds since 1970."""
    low, mid = int.from_bytes(writer[:4]), int.from_bytes(writer[4:6])
    high = int.from_bytes(writer[6:8]) & 0x0FFF
    return ((high << 48 | mid << 32 | low) - UNIX_EPOCH_TICKS) / _TICKS_PER_SECOND


def find_superseded(
    rows: Iterable[StoredRow], retention: Retention, wall_now: float
) -> tuple[list[StoredRow], float | None]:
    """Return the rows to delete now, and after how many seconds the next one follows (or None).

    *rows* are those of one topic partition, as ``CounterStore.read`` returns them; *wall_now* is
    in seconds since 1970. The newest row of a domain is never returned.
    """
    deletable: list[StoredRow] = []
    next_seconds: float | None = None
    for _, group in groupby(rows, key=attrgetter("domain")):
        found = list(group)
        if len(found) == 1:
            continue
        for row, successor in _successors(found):
            own = row.writer[_NODE] == retention.node
            keep = retention.own_seconds if own else retention.others_seconds
            left = keep - (wall_now - started_at(successor.writer))
            if left <= 0:
                deletable.append(row)
            elif next_seconds is None or left < next_seconds:
                next_seconds = left
    return deletable, next_seconds


def _successors(rows: Sequence[StoredRow]) -> Iterable[tuple[StoredRow, StoredRow]]:
    """Yield each superseded row of a domain with the first-started row that supersedes it.

    Of two rows that count equally far the one started last, which comes first, stays: its writer
    may continue it.
    """
    newest, *older = sorted(rows, key=attrgetter("applied_offset"), reverse=True)
    first = newest
    for row in older:
        yield row, first
        first = min(first, row, key=lambda each: started_at(each.writer))
