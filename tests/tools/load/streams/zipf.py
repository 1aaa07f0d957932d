"""Draw by Zipf's law: rank k is 1 / k**exponent as frequent as rank 1. Pure."""

import math
from random import Random


class Zipf:
    """Ranks 1 to *size* by Zipf's law, drawn in constant memory.

    Rejection inversion (W. Hörmann and G. Derflinger, 1996): a rank is drawn from the area under a
    hull of the law and accepted where the law reaches the hull, which is nearly always.
    """

    def __init__(self, size: int, exponent: float) -> None:
        if exponent <= 0:
            raise ValueError("The exponent must be positive.")
        self._size = size
        self._exponent = exponent
        self._first = self._area(1.5) - 1.0
        self._last = self._area(size + 0.5)

    def draw(self, random: Random) -> int:
        """Return a random rank."""
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
