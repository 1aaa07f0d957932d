"""The position of a reader in the topic of changes: the next offset of each partition. Pure.

A client keeps it as the id of its last event. It means the same on all nodes, because it consists
of offsets. As text: ``1f.0.3a``, the offsets in hexadecimal, in the order of the partitions.
"""

import re
from collections.abc import Sequence

from shared.errors import InputError
from shared.problems import Problem

Offsets = tuple[int, ...]
"""The next offset to read, by partition."""

_OFFSET = "(?:0|[1-9a-f][0-9a-f]{0,14})"
ID_PATTERN = rf"{_OFFSET}(?:\.{_OFFSET})*"
_ID = re.compile(ID_PATTERN)


def format_id(offsets: Sequence[int]) -> str:
    """Return *offsets* as the id of an event."""
    return ".".join([f"{offset:x}" for offset in offsets])


def parse_id(text: str) -> Offsets:
    """Return the offsets of the id *text*. Raises InputError if no node can have sent it."""
    if _ID.fullmatch(text) is None:
        raise InputError(Problem.INVALID_LAST_EVENT_ID)
    return tuple(int(part, 16) for part in text.split("."))


def widen(offsets: Offsets, partitions: int) -> Offsets:
    """Return *offsets* for at least *partitions*: a new partition is read from its beginning."""
    return offsets + (0,) * (partitions - len(offsets))


def reaches(offsets: Sequence[int], goal: Sequence[int]) -> bool:
    """Whether a reader at *offsets* has read at least as far as *goal*, in every partition."""
    return len(offsets) >= len(goal) and all(
        at >= wanted for at, wanted in zip(offsets, goal, strict=False)
    )
