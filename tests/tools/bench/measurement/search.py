"""Find the highest rate that holds: steps of a factor, then halves. No clock of its own."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import sqrt

Holds = Callable[[float], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Search:
    """How to look: from ``first`` by ``factor``, until two rates are within ``tolerance``.

    ``lowest`` ends the way down, ``highest`` the way up, ``most_tries`` either.
    """

    first: float
    factor: float
    tolerance: float
    lowest: float
    highest: float
    most_tries: int

    async def run(self, holds: Holds) -> float | None:
        """Return the highest rate of which *holds* said yes; None if it never did."""
        good: float | None = None
        bad: float | None = None
        rate = self.first
        for _ in range(self.most_tries):
            if await holds(rate):
                good = rate
            else:
                bad = rate
            following = self._next(good, bad)
            if following is None:
                break
            rate = following
        return good

    def _next(self, good: float | None, bad: float | None) -> float | None:
        """Return the rate to try now that *good* held and *bad* did not, or None to stop."""
        if bad is None:
            assert good is not None
            return min(good * self.factor, self.highest) if good < self.highest else None
        if good is None:
            return max(bad / self.factor, self.lowest) if bad > self.lowest else None
        # The middle of a ratio, as the steps are factors.
        return sqrt(good * bad) if bad / good > 1 + self.tolerance else None


async def confirm(rate: float, step: float, most_tries: int, holds: Holds) -> float | None:
    """Return *rate* if it holds, else the first of *step* times it, again and again, that does."""
    for _ in range(most_tries):
        if await holds(rate):
            return rate
        rate *= step
    return None
