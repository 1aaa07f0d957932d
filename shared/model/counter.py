"""Add up the counter rows of a domain.

A row belongs to one *writer*, which alone increments it, and to one *topic partition* ("topic/3"),
whose offsets can be compared. Of the rows of one partition, the row with the largest
``applied_offset`` is the true count of that partition up to that offset. The others are older
true counts. Different partitions hold different events, so their newest rows add up.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counters:
    """The events of one domain that are durably counted."""

    delivered: int = 0
    bounced: int = 0


@dataclass(frozen=True, slots=True)
class CounterRow:
    """A writer row, without its writer: who wrote it does not matter to a reader."""

    topic_partition: str
    delivered: int
    bounced: int
    applied_offset: int
    """The offset *after* the last counted record (offset 0 counted: 1): columns start at zero."""


def sum_rows(rows: Iterable[CounterRow]) -> Counters:
    """Return the counters of one domain from all its rows, of any partitions and writers."""
    newest: dict[str, CounterRow] = {}
    for row in rows:
        best = newest.get(row.topic_partition)
        if best is None or row.applied_offset > best.applied_offset:
            newest[row.topic_partition] = row
    return Counters(
        delivered=sum(row.delivered for row in newest.values()),
        bounced=sum(row.bounced for row in newest.values()),
    )
