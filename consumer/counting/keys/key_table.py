"""A table of recent idempotency keys, each with the number of its last event. Pure.

A key is in memory as 96 bits of a hash, in sorted arrays of up to 512 keys. A search is a binary
search for the array, and one in it. Keys that nobody needs any more are removed later, array by
array, so no single call takes long. All in, that is some 30 bytes a key, and at most 40.
"""

from array import array
from bisect import bisect_left, bisect_right

_MOST = 512
"""Keys of an array: beyond it, it is split."""
_SWEEP_EVERY = 128
"""New keys for each array that is swept: so at any time a third of all keys is outdated at most."""


class _Page:
    """Keys in the order of their hashes; ``checks`` are 32 more bits of each hash."""

    __slots__ = ("checks", "hashes", "numbers")

    def __init__(self, hashes: "array[int]", checks: "array[int]", numbers: "array[int]") -> None:
        self.hashes = hashes
        self.checks = checks
        self.numbers = numbers

    def part(self, start: int, end: int | None = None) -> "_Page":
        """Return the keys from the place *start* up to *end*."""
        return _Page(self.hashes[start:end], self.checks[start:end], self.numbers[start:end])

    def since(self, oldest: int) -> "_Page":
        """Return the keys whose number is *oldest* or more."""
        live = [place for place, number in enumerate(self.numbers) if number >= oldest]
        return _Page(
            array("Q", [self.hashes[place] for place in live]),
            array("I", [self.checks[place] for place in live]),
            array("Q", [self.numbers[place] for place in live]),
        )


class KeyTable:
    """Keys, each with a number. ``len`` includes outdated keys that are not removed yet."""

    def __init__(self) -> None:
        # The least hash of each page, in order.
        self._lows = array("Q", [0])
        self._pages = [_empty()]
        self._length = 0
        self._added = 0
        self._swept = 0

    def __len__(self) -> int:
        return self._length

    def replace(self, hash64: int, check32: int, number: int, oldest: int) -> int | None:
        """Set the number of a key; return the number that it had, None for a new key.

        *oldest* is the least number that is still needed. The result may be an older one.
        """
        at = bisect_right(self._lows, hash64) - 1
        page = self._pages[at]
        place = bisect_left(page.hashes, hash64)
        while place < len(page.hashes) and page.hashes[place] == hash64:
            if page.checks[place] == check32:
                before = page.numbers[place]
                page.numbers[place] = number
                return before
            place += 1
        page.hashes.insert(place, hash64)
        page.checks.insert(place, check32)
        page.numbers.insert(place, number)
        self._length += 1
        if len(page.hashes) > _MOST and self._sweep(at, oldest) > _MOST // 2:
            self._split(at)
        self._added += 1
        if self._added % _SWEEP_EVERY == 0:
            self._swept = (self._swept + 1) % len(self._pages)
            self._sweep(self._swept, oldest)
        return None

    def _sweep(self, at: int, oldest: int) -> int:
        """Remove the outdated keys of a page; return how many are left."""
        page = self._pages[at]
        live = page.since(oldest)
        self._length -= len(page.hashes) - len(live.hashes)
        if live.hashes or len(self._pages) == 1:
            self._pages[at] = live
        else:
            del self._pages[at], self._lows[at]
            self._lows[0] = 0
        return len(live.hashes)

    def _split(self, at: int) -> None:
        page = self._pages[at]
        middle = len(page.hashes) // 2
        # Equal hashes stay together.
        middle = bisect_left(page.hashes, page.hashes[middle])
        if middle:
            self._pages[at : at + 1] = [page.part(0, middle), page.part(middle)]
            self._lows.insert(at + 1, page.hashes[middle])


def _empty() -> _Page:
    return _Page(array("Q"), array("I"), array("Q"))
