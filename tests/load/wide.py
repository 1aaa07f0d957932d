"""Many domains that come back again and again: what a batch can't add up. Pure.

Uniform draws are the worst case for every cache and every aggregate; by Zipf's law the domain of
rank k comes 1 / k**exponent as often as the first.
"""

import math
from collections.abc import Iterator
from random import Random

from tests.load.event import Event, Kind
from tests.load.wide_names import NAMES, WideNames

EVERY_NTH_BOUNCES = 100
BOUNCED_SHARE = 0.5
"""Of the events of a domain that bounces."""


class Zipf:
    """Ranks 1 to *size* by Zipf's law, drawn in constant memory.

    Rejection inversion (W. Hörmann and G. Derflinger, 1996): a rank is drawn from the area under
    a hull of the law and kept where the law reaches it, which is nearly always.
    """

    def __init__(self, size: int, exponent: float) -> None:
        if exponent <= 0:
            raise ValueError("The exponent must be positive.")
        self._size = size
        self._exponent = exponent
        self._first = self._area(1.5) - 1.0
        self._last = self._area(size + 0.5)

    def draw(self, random: Random) -> int:
        """Return a rank."""
        while True:
            area = self._last + random.random() * (self._first - self._last)
            rank = min(max(round(self._rank(area)), 1), self._size)
            if area >= self._area(rank + 0.5) - math.pow(rank, -self._exponent):
                return rank

    def _area(self, rank: float) -> float:
        """Integrate the hull up to *rank*."""
        power = 1.0 - self._exponent
        return math.log(rank) if power == 0 else math.expm1(power * math.log(rank)) / power

    def _rank(self, area: float) -> float:
        """Return where the integral is *area*."""
        power = 1.0 - self._exponent
        return math.exp(area) if power == 0 else math.exp(math.log1p(power * area) / power)


class Wide:
    """The profile ``wide``: *domains* of them, uniform without an *exponent*, else by Zipf."""

    def __init__(self, seed: int, domains: int, exponent: float | None = None) -> None:
        if not 1 <= domains <= NAMES:
            raise ValueError(f"There are names for 1 to {NAMES} domains.")
        self._random = Random(seed)
        self._domains = domains
        self._zipf = None if exponent is None else Zipf(domains, exponent)
        self._names = WideNames(self._random.randrange(NAMES))

    def name(self, number: int) -> str:
        """Return the name of domain *number*, 0 to one less than there are."""
        return self._names.name(number)

    def bounces(self, number: int) -> bool:
        """Whether some events of domain *number* are bounces."""
        # Not the first ones, which by Zipf are nearly all of the stream.
        return number % EVERY_NTH_BOUNCES == EVERY_NTH_BOUNCES - 1

    def events(self) -> Iterator[Event]:
        """Yield the events, without end."""
        random, zipf = self._random, self._zipf
        while True:
            number = random.randrange(self._domains) if zipf is None else zipf.draw(random) - 1
            bounced = self.bounces(number) and random.random() < BOUNCED_SHARE
            yield Event(number, self.name(number), Kind.BOUNCED if bounced else Kind.DELIVERED)
