"""Remember when Kafka appended the records of one partition. Pure."""

from bisect import bisect_right

MAX_MARKS = 4096


class AppendTimes:
    """The append time of each record, in milliseconds since 1970, by offset.

    Memory is bounded: with too many marks, every second one is dropped. Older times are then
    less exact, and never later than the true time.
    """

    def __init__(self) -> None:
        self._offsets: list[int] = []
        self._times_ms: list[int] = []

    def record(self, offset: int, appended_at: int) -> None:
        """Record that the records from *offset* on were appended at *appended_at*.

        An offset that is not above all earlier ones is ignored.
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
        """Return when the record at *offset* was appended, or 0 if nothing was recorded."""
        if not self._offsets:
            return 0
        return self._times_ms[max(bisect_right(self._offsets, offset) - 1, 0)]
