"""Say where in the topic of changes a reader is: the next offset to read of each partition.

Clients keep it as the id of the last event that they saw. It is the same on all nodes, as
offsets are. In text: ``1f.0.3a``, the offsets in hexadecimal in the order of the partitions.
"""

import re
from collections.abc import Sequence

from shared.errors import InputError

Offsets = tuple[int, ...]
"""The next offset to read, by partition."""

_OFFSET = "(?:0|[1-9a-f][0-9a-f]{0,14})"
ID_PATTERN = rf"{_OFFSET}(?:\.{_OFFSET})*"
_ID = re.compile(ID_PATTERN)


def format_id(offsets: Sequence[int]) -> str:
    """Return *offsets* as clients get them."""
    return ".".join([f"{offset:x}" for offset in offsets])


def parse_id(text: str) -> Offsets:
    """Return the offsets that *text* names. Raises InputError for all that no node has said."""
    if _ID.fullmatch(text) is None:
        raise InputError(
            "invalid_last_event_id", "Last-Event-ID is no id of an event of this feed."
        )
    return tuple(int(part, 16) for part in text.split("."))


def widen(offsets: Offsets, partitions: int) -> Offsets:
    """Return *offsets* for at least *partitions*: one that came later is read from its start."""
    return offsets + (0,) * (partitions - len(offsets))


def reaches(offsets: Sequence[int], goal: Sequence[int]) -> bool:
    """Whether whoever is at *offsets* has read all that one at *goal* has, of every partition."""
    return len(offsets) >= len(goal) and all(
        at >= wanted for at, wanted in zip(offsets, goal, strict=False)
    )
