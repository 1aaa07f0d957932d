"""Writer identities that differ from each other and are the same in every run."""

from collections.abc import Callable
from itertools import count
from uuid import UUID


def writers(node: int = 1) -> Callable[[], UUID]:
    """Return a source of version 1 UUIDs; each *node* has different ones."""
    numbers = count(1)
    return lambda: UUID(fields=(next(numbers), 0, 0x1000, 0x80, 0, node))
