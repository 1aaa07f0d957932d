"""Say where a log is read on, and from where for its keys, beside the committed offset.

Kafka keeps a text with each committed offset; ours names the offset from which whoever takes
the partition over must read again to know the idempotency keys of the last minutes.
"""

import re
from dataclasses import dataclass
from typing import Self

_TEXT = re.compile(r"keys-from=([0-9]{1,19})")


@dataclass(frozen=True, slots=True)
class Position:
    """``next_offset`` is the next record to count; records from ``keys_from`` on are read again.

    Without keys to know, both are the same.
    """

    next_offset: int
    keys_from: int

    @classmethod
    def at(cls, next_offset: int) -> Self:
        """Return the position at *next_offset* that needs no keys from before."""
        return cls(next_offset, next_offset)

    @classmethod
    def parse(cls, next_offset: int, metadata: str) -> Self | None:
        """Return the position that was committed with *metadata*, None if the text is not ours."""
        found = _TEXT.fullmatch(metadata)
        if found is None or int(found[1]) > next_offset:
            return None
        return cls(next_offset, int(found[1]))

    def metadata(self) -> str:
        """Return what to commit beside the offset."""
        return f"keys-from={self.keys_from}"
