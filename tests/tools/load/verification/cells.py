"""Tens of millions of counters, with one or two bytes each. Pure."""

from array import array
from collections.abc import Iterable, Iterator
from operator import add
from typing import Literal, NamedTuple

_GROWN_AT_LEAST = 4_096
_PIECE_CELLS = 131_072


class Piece(NamedTuple):
    """Some adjacent counters, as another process adds them to its own."""

    start: int
    counts: bytes
    carried: dict[int, int]


class Cells:
    """Counters 0, 1, 2, ...; a counter that was never incremented is 0.

    When a cell overflows, it restarts, and a dictionary keeps its previous count.
    """

    def __init__(self, typecode: Literal["B", "H"], size: int = 0) -> None:
        self._cells = array(typecode, bytes(size * array(typecode).itemsize))
        self._full = 256**self._cells.itemsize - 1
        self._carried: dict[int, int] = {}

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self._cells)

    @property
    def nbytes(self) -> int:
        """The memory of the cells in bytes."""
        return len(self._cells) * self._cells.itemsize

    def count(self, places: Iterable[int]) -> None:
        """Add one at each of *places*."""
        cells, left = self._cells, iter(places)
        while True:
            try:
                for place in left:
                    cells[place] += 1
            except IndexError:
                self.grow(place + 1)
            except OverflowError:
                self._carry(place)
            else:
                return
            cells[place] += 1

    def read(self, place: int) -> int:
        """Return the count at *place*."""
        if place >= len(self._cells):
            return 0
        count = self._cells[place]
        return count + self._carried.get(place, 0) if self._carried else count

    def grow(self, size: int) -> None:
        """Allocate cells for the places below *size*, and some more."""
        missing = size - len(self._cells)
        if missing > 0:
            missing = max(missing, _GROWN_AT_LEAST, len(self._cells) // 8)
            self._cells.frombytes(bytes(missing * self._cells.itemsize))

    def pieces(self) -> Iterator[Piece]:
        """Yield all counts that are not 0."""
        for start in range(0, len(self._cells), _PIECE_CELLS):
            counts = self._cells[start : start + _PIECE_CELLS].tobytes()
            end = start + _PIECE_CELLS
            carried = {p: c for p, c in self._carried.items() if start <= p < end}
            if counts.count(0) < len(counts):
                yield Piece(start, counts, carried)

    def add(self, piece: Piece) -> None:
        """Add the counts of another process."""
        theirs = array(self._cells.typecode, piece.counts)
        start, end = piece.start, piece.start + len(theirs)
        self.grow(end)
        try:
            self._cells[start:end] = array(
                self._cells.typecode, map(add, self._cells[start:end], theirs)
            )
        except OverflowError:
            for place, count in enumerate(theirs, start):
                self._add(place, count)
        for place, count in piece.carried.items():
            self._add(place, count)

    def filled(self) -> "array[int]":
        """Return the cells; a cell with 0 was never incremented."""
        return self._cells

    def _add(self, place: int, count: int) -> None:
        total = self._cells[place] + count
        if total > self._full:
            # Keeps one, since a cell with 0 counts as never incremented.
            self._carried[place] = self._carried.get(place, 0) + total - 1
            total = 1
        self._cells[place] = total

    def _carry(self, place: int) -> None:
        self._carried[place] = self._carried.get(place, 0) + self._cells[place]
        self._cells[place] = 0
