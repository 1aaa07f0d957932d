"""Find the highest rate that holds: multiply by a factor, then bisect. No clock."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import sqrt

Holds = Callable[[float], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Search:
    """The search: from ``first`` by ``factor``, until two rates are within ``tolerance``.

    ``lowest`` and ``highest`` limit the rates, ``most_tries`` the number of tries.
    """

    first: float
    factor: float
    tolerance: float
    lowest: float
    highest: float
    most_tries: int

    async def run(self, holds: Holds) -> float | None:
        """Return the highest rate for which *holds* returned True; None if there is none."""
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
        """Return the next rate, given that *good* held and *bad* did not; None to stop."""
        if bad is None:
            assert good is not None
            return min(good * self.factor, self.highest) if good < self.highest else None
        if good is None:
            return max(bad / self.factor, self.lowest) if bad > self.lowest else None
        # The geometric mean, since the steps are factors.
        return sqrt(good * bad) if bad / good > 1 + self.tolerance else None


async def confirm(rate: float, step: float, most_tries: int, holds: Holds) -> float | None:
    """Return *rate* if it holds, else the first of *step* times it, repeatedly, that does."""
    for _ in range(most_tries):
        if await holds(rate):
            return rate
        rate *= step
    return None
