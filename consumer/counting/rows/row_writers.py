"""Keep which writer's row each domain of a bucket continues. Pure.

A domain refers to its writer by one byte: the writers of a bucket are numbered from 1.
"""

from collections.abc import Callable, Sequence

from consumer.counting.rows.writer_rows import StoredRow

NO_ROW = 0
MAX_WRITERS = 255


class RowWriters:
    """The writers of one process in one bucket and epoch, and the domains that continue their rows.

    Rows of other writers, other epochs, and rows in doubt are never continued.
    """

    __slots__ = ("_epoch", "_fresh", "_of", "_writers")

    def __init__(self) -> None:
        self._of = bytearray()
        self._writers: list[bytes] = []
        self._fresh = NO_ROW
        self._epoch = 0

    def __getitem__(self, index: int) -> int:
        """Return the number of the writer whose row a domain continues, or NO_ROW."""
        return self._of[index]

    def __setitem__(self, index: int, number: int) -> None:
        self._of[index] = number

    def append(self) -> None:
        """Add a domain without a row."""
        self._of.append(NO_ROW)

    def load(self, epoch: int, writers: Sequence[bytes]) -> dict[bytes, int]:
        """Start with *writers* of this process and *epoch*; return the number of each."""
        self._epoch = epoch
        self._writers = list(writers)
        return {writer: number for number, writer in enumerate(self._writers, start=1)}

    def start_epoch(self, epoch: int) -> bool:
        """Abandon every row of another epoch, or if no number is left for a fresh writer.

        Return whether there was any.
        """
        full = self._fresh == NO_ROW and len(self._writers) >= MAX_WRITERS
        if epoch == self._epoch and not full:
            return False
        had_rows = any(self._of)
        self._of = bytearray(len(self._of))
        self._writers = []
        self._fresh = NO_ROW
        self._epoch = epoch
        return had_rows

    def fresh(self, new_writer: Callable[[], bytes]) -> int:
        """Return the number of the writer whose name starts new rows."""
        if self._fresh == NO_ROW:
            self._writers.append(new_writer())
            self._fresh = len(self._writers)
        return self._fresh

    def writer(self, number: int) -> bytes:
        """Return the name of a writer."""
        return self._writers[number - 1]

    def abandon(self, index: int) -> None:
        """Never continue a domain's row, nor start one under a name that it may have used."""
        self._of[index] = self._fresh = NO_ROW

    def continues(self, index: int, row: StoredRow) -> bool:
        """Return whether the next write of a domain would continue *row*."""
        number = self._of[index]
        return number != NO_ROW and self._writers[number - 1] == row.writer

    def in_use(self, epoch: int) -> Sequence[bytes]:
        """Return the writers of the rows that may be continued in this *epoch*."""
        if epoch != self._epoch:
            return ()
        used = set(self._of)
        return [w for number, w in enumerate(self._writers, start=1) if number in used]
