"""The profile ``waves`` as numbers. Pure.

A round of the twenty domains nearly always equals the previous one, until a domain bounces or ends.
So only those rounds are computed one by one, and the rounds between them are repeated.
"""

from array import array
from collections.abc import Callable, Iterator
from itertools import islice

from tests.tools.load.streams.event import Kind
from tests.tools.load.streams.stream import CODE, code_of, kind_of
from tests.tools.load.streams.waves import ACTIVE_DOMAINS, Life, lives

_CACHED_CODES = 4_096


class _Place:
    """One of the twenty places; domains take them in turn."""

    __slots__ = ("_index", "_life")

    def __init__(self) -> None:
        self._life = Life(0, "", 0, 0)
        self._index = 0

    def next_code(self, newcomers: Iterator[Life]) -> int:
        """Return the code of the next event; start a new domain if this one has had its events."""
        while self._index >= self._life.events:
            self._life = next(newcomers)
            self._index = 0
        kind = self._life.kind(self._index)
        self._index += 1
        return code_of(self._life.number, kind)

    def delivery(self) -> int:
        """Return the code of a delivery of the present domain."""
        return code_of(self._life.number, Kind.DELIVERED)

    def deliveries_ahead(self) -> int:
        """Return the number of deliveries before the domain bounces or ends."""
        left = self._life.events - self._index
        period = self._life.period
        return min(left, -self._index % period) if period else left

    def pass_over(self, deliveries: int) -> None:
        """Count *deliveries* as taken."""
        self._index += deliveries


class _Cache(dict[int, bytes]):
    """Cached values by code, for the codes in use."""

    def __init__(self, make: Callable[[int], str]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, code: int) -> bytes:
        if len(self) >= _CACHED_CODES:
            self.clear()
        made = self[code] = self._make(code).encode()
        return made


class WavesStream:
    """The events of a seed, equal to those of twenty domains taken one by one."""

    def __init__(self, seed: int) -> None:
        self._newcomers = lives(seed)
        self._named = lives(seed)
        self._names: list[str] = []
        self._places = [_Place() for _ in range(ACTIVE_DOMAINS)]
        self._ready = array(CODE)
        self._line_of = _Cache(
            lambda code: f'{{"domain":"{self.name(code // 2)}","event":"{kind_of(code)}"}}\n'
        ).__getitem__
        self.path = _Cache(lambda code: f"{self.name(code // 2)}/{kind_of(code)}").__getitem__
        """Return the domain and the kind for the path of a PUT."""

    def take(self, count: int) -> "array[int]":
        """Return the codes of the next *count* events."""
        while len(self._ready) < count:
            self._make()
        taken = self._ready[:count]
        del self._ready[:count]
        return taken

    def skip(self, count: int) -> None:
        """Skip the next *count* events."""
        self.take(count)

    def lines(self, codes: "array[int]") -> bytes:
        """Return the body of a bulk request."""
        return b"".join(map(self._line_of, codes))

    def name(self, number: int) -> str:
        """Return the name of a domain, also of one that has not occurred yet."""
        missing = number + 1 - len(self._names)
        if missing > 0:
            self._names += (life.name for life in islice(self._named, missing))
        return self._names[number]

    def _make(self) -> None:
        """Compute one round, and repeat its deliveries until a domain bounces or ends."""
        places = self._places
        self._ready.extend([place.next_code(self._newcomers) for place in places])
        if rounds := min(place.deliveries_ahead() for place in places):
            self._ready += array(CODE, [place.delivery() for place in places]) * rounds
            for place in places:
                place.pass_over(rounds)
