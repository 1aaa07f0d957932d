"""Updates of counter rows, and those that are in flight together."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.simulation.schedule import numbers


class Update(NamedTuple):
    """What a write adds to one row."""

    domain: str
    writer: bytes
    delivered: int
    bounced: int
    applied_offset: int


class Batch:
    """Updates in flight together, with the number of copies of each, and a callback."""

    __slots__ = (
        "answered",
        "copies",
        "done",
        "ends",
        "sent_at",
        "topic_partition",
        "updates",
        "waiting",
    )

    def __init__(
        self,
        topic_partition: str,
        updates: Sequence[Update],
        sent_at: float,
        done: Callable[[bool], None],
    ) -> None:
        self.topic_partition = topic_partition
        self.updates = updates
        self.sent_at = sent_at
        self.done = done
        self.copies = [0] * len(updates)
        self.ends: list[int] = []
        self.answered = False
        self.waiting = False


def name_of(writer: bytes) -> str:
    """Return *writer* in few characters: when and by whom it was made."""
    return f"row {int.from_bytes(writer[:4])}@{writer[-1]}"


def describe(update: Update) -> str:
    """Return *update* in few words."""
    sums = numbers((update.delivered, update.bounced, update.applied_offset))
    return f"{update.domain} {name_of(update.writer)} + {sums}"
