"""The position that is committed for a partition: an offset, and where its keys begin.

Kafka stores a text, the metadata, with each committed offset. Ours names the offset from which
the next owner of the partition reads again, to know the idempotency keys of the key window.
"""

import re
from dataclasses import dataclass
from typing import Self

_METADATA = re.compile(r"keys-from=([0-9]{1,19})")


@dataclass(frozen=True, slots=True)
class Position:
    """``next_offset`` is the next record to count. Reading starts at ``keys_from``.

    Both are the same if no keys are needed.
    """

    next_offset: int
    keys_from: int

    @classmethod
    def at(cls, next_offset: int) -> Self:
        """Return the position at *next_offset* that needs no earlier keys."""
        return cls(next_offset, next_offset)

    @classmethod
    def parse(cls, next_offset: int, metadata: str) -> Self | None:
        """Return the position committed with *metadata*, or None if the text is not ours."""
        found = _METADATA.fullmatch(metadata)
        if found is None or int(found[1]) > next_offset:
            return None
        return cls(next_offset, int(found[1]))

    def metadata(self) -> str:
        """Return the text to commit with the offset."""
        return f"keys-from={self.keys_from}"
