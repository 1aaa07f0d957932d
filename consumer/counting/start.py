"""Decide where a partition starts, or that it must wait for its operator. Pure.

Everything below the committed offset is counted, so reading may start there. Records that are
deleted before they are counted are lost, and no row shows it: such a partition stops, and it
starts at the oldest kept record only if the operator has accepted the loss in numbers
(``python -m deploy.stopped_partitions``).
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from consumer.counting.position import Position

_ACCEPTED = re.compile(r"instead-of=([0-9]{1,19}|none)")


class Cause(StrEnum):
    """Why a partition is stopped."""

    RECORDS_DELETED = "records_deleted"
    """The log starts after the committed offset."""
    OFFSETS_MISSING = "offsets_missing"
    """The group has committed nothing, or Kafka has forgotten it; and the log has no beginning."""
    LOG_REWRITTEN = "log_rewritten"
    """Kafka has fewer records than are counted: the topic was created again, or lost its end."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A partition that is not read.

    Records from *committed* (None: nothing is committed) up to *start* are deleted.
    """

    cause: Cause
    reason: str
    committed: int | None = None
    start: int = 0

    @property
    def lost(self) -> int:
        """The number of records that are deleted and may not be counted."""
        return max(0, self.start - (self.committed or 0))

    @property
    def can_start(self) -> bool:
        """Whether it may start at the oldest kept record if the operator accepts the loss."""
        return self.cause is not Cause.LOG_REWRITTEN


@dataclass(frozen=True, slots=True)
class AcceptedLoss:
    """What the operator has accepted: to start at *start* or before, instead of at *committed*."""

    start: int
    committed: int | None

    @classmethod
    def parse(cls, start: int, metadata: str) -> Self | None:
        """Return what is committed as *start* with *metadata*; None if the text is not ours."""
        found = _ACCEPTED.fullmatch(metadata)
        if found is None:
            return None
        return cls(start, None if found[1] == "none" else int(found[1]))

    def metadata(self) -> str:
        """Return the text to commit with *start*."""
        return f"instead-of={'none' if self.committed is None else self.committed}"

    def covers(self, stopped: Stopped) -> bool:
        """Return whether *stopped* may start: nothing more was deleted meanwhile."""
        return (
            stopped.can_start
            and self.committed == stopped.committed
            and stopped.start <= self.start
        )


def choose_start(
    committed: Position | None, start: int, end: int, accepted: AcceptedLoss | None
) -> Position | Stopped:
    """Return where to start a partition that has the offsets from *start* up to *end*."""
    if committed is None:
        if start == 0:
            return Position.at(0)
        stopped = Stopped(
            Cause.OFFSETS_MISSING,
            f"the group has no committed offset, and the {start} oldest records are deleted",
            None,
            start,
        )
    elif committed.next_offset > end:
        return Stopped(
            Cause.LOG_REWRITTEN,
            f"committed {committed.next_offset}, but it ends at {end}; a new topic needs a new "
            "name",
            committed.next_offset,
            start,
        )
    elif committed.next_offset >= start:
        return Position(committed.next_offset, max(committed.keys_from, start))
    else:
        stopped = Stopped(
            Cause.RECORDS_DELETED,
            f"committed {committed.next_offset}, but it starts at {start}: up to "
            f"{start - committed.next_offset} records were deleted before they were counted",
            committed.next_offset,
            start,
        )
    if accepted is not None and accepted.covers(stopped):
        return Position.at(start)
    return stopped
