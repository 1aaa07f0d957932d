"""Remember when Kafka took the records of one log. Pure."""

from bisect import bisect_right

MAX_MARKS = 4096


class AppendTimes:
    """When records were appended, in milliseconds since 1970, by offset.

    Bounded: when there are too many marks every other one goes. What is older than that many
    batches is then known less exactly, and never as younger than it is.
    """

    def __init__(self) -> None:
        self._offsets: list[int] = []
        self._times_ms: list[int] = []

    def record(self, offset: int, appended_at: int) -> None:
        """Note that the records from *offset* on were appended at *appended_at*.

        Offsets below one that was noted before tell nothing new.
        """
        offsets = self._offsets
        if offsets and offset <= offsets[-1]:
            return
        offsets.append(offset)
        self._times_ms.append(appended_at)
        if len(offsets) > MAX_MARKS:
            del offsets[1::2]
            del self._times_ms[1::2]

    def at(self, offset: int) -> int:
        """Return when the record at *offset* was appended; 0 if nothing was ever noted."""
        if not self._offsets:
            return 0
        return self._times_ms[max(bisect_right(self._offsets, offset) - 1, 0)]
