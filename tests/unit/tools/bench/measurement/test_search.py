"""How the highest rate that holds is found."""

from tests.tools.bench.measurement.search import Search, confirm


class Limit:
    """Holds up to a rate, and keeps what was asked."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self.asked: list[float] = []

    async def holds(self, rate: float) -> bool:
        """Whether *rate* is not beyond the limit."""
        self.asked.append(rate)
        return rate <= self._rate


def search(most_tries: int = 20, lowest: float = 1.0, highest: float = 1e9) -> Search:
    """Return a search from 100 by doubling."""
    return Search(
        first=100.0,
        factor=2.0,
        tolerance=0.1,
        lowest=lowest,
        highest=highest,
        most_tries=most_tries,
    )


async def test_it_climbs_and_then_closes_in_from_both_sides() -> None:
    """The answer holds and is within the tolerance of the limit above it."""
    limit = Limit(730.0)
    found = await search().run(limit.holds)
    assert limit.asked[:4] == [100.0, 200.0, 400.0, 800.0]
    assert found is not None
    assert 730.0 / 1.1 <= found <= 730.0


async def test_it_goes_down_where_the_first_rate_does_not_hold() -> None:
    """A limit below the first rate is found as well."""
    limit = Limit(13.0)
    found = await search().run(limit.holds)
    assert limit.asked[:4] == [100.0, 50.0, 25.0, 12.5]
    assert found is not None
    assert 13.0 / 1.1 <= found <= 13.0


async def test_nothing_holds_where_the_lowest_does_not() -> None:
    """The way down ends at the lowest rate, with nothing found."""
    limit = Limit(1.0)
    assert await search(lowest=30.0).run(limit.holds) is None
    assert limit.asked == [100.0, 50.0, 30.0]


async def test_the_way_up_ends_at_the_highest() -> None:
    """What holds at the highest rate is not asked for more."""
    limit = Limit(1e12)
    assert await search(highest=300.0).run(limit.holds) == 300.0
    assert limit.asked == [100.0, 200.0, 300.0]


async def test_it_makes_no_more_tries_than_it_may() -> None:
    """The best so far is the answer when the tries are used up."""
    limit = Limit(1e12)
    assert await search(most_tries=3).run(limit.holds) == 400.0
    assert len(limit.asked) == 3


async def test_a_rate_is_confirmed_a_step_lower_where_it_does_not_hold_for_long() -> None:
    """The first step that holds is the answer."""
    limit = Limit(85.0)
    assert await confirm(100.0, 0.9, 3, limit.holds) == 81.0
    assert limit.asked == [100.0, 90.0, 81.0]


async def test_a_rate_that_is_never_confirmed_is_none() -> None:
    """There is no answer once the tries are used up."""
    assert await confirm(100.0, 0.9, 3, Limit(1.0).holds) is None
