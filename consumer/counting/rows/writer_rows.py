"""The rows of counters: as the store returns them, and what a write adds to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class StoredRow(NamedTuple):
    """A writer row of one topic partition, as a quorum returned it."""

    domain: bytes
    writer: bytes
    """The 16 bytes of a version 1 UUID (RFC 9562)."""
    delivered: int
    bounced: int
    applied_offset: int


class RowIncrement(NamedTuple):
    """What an update adds to one writer row."""

    domain: bytes
    writer: bytes
    delivered: int
    bounced: int
    applied_offset: int
    never_bounced: bool = False
    """Whether the row has counted no bounce, this update included: then a store need not touch
    its column of bounces."""


@dataclass(frozen=True, slots=True, eq=False)
class BucketWrite:
    """The increments that one request adds to rows of one bucket.

    ``next_offset`` is the ``applied_offset`` of its rows once they are acknowledged: every event
    of these domains below it is then counted. ``first_offset`` is the offset of its oldest event,
    or lower, and ``since`` is when that event was read, in the caller's seconds.
    """

    bucket: int
    epoch: int
    rows: Sequence[RowIncrement]
    first_offset: int
    next_offset: int
    since: float
    indexes: Sequence[int]
    delivered: Sequence[int]
    bounced: Sequence[int]
    writers: Sequence[int]
    """Which of the bucket's writers each row belongs to, counted from 1."""
    changing: Sequence[int]
    """The first ones of ``indexes``: the domains whose status this write changes."""
