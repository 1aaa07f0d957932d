"""The search for the highest rate that holds."""

from tests.tools.bench.measurement.search import Search, confirm


class Limit:
    """Holds up to a rate, and stores the rates of all tries."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self.asked: list[float] = []

    async def holds(self, rate: float) -> bool:
        """Return True if *rate* is not above the limit."""
        self.asked.append(rate)
        return rate <= self._rate


def search(most_tries: int = 20, lowest: float = 1.0, highest: float = 1e9) -> Search:
    """Return a search that starts at 100 and doubles."""
    return Search(
        first=100.0,
        factor=2.0,
        tolerance=0.1,
        lowest=lowest,
        highest=highest,
        most_tries=most_tries,
    )


async def test_it_climbs_and_then_bisects() -> None:
    """The result holds and is within the tolerance of the limit above it."""
    limit = Limit(730.0)
    found = await search().run(limit.holds)
    assert limit.asked[:4] == [100.0, 200.0, 400.0, 800.0]
    assert found is not None
    assert 730.0 / 1.1 <= found <= 730.0


async def test_it_goes_down_where_the_first_rate_does_not_hold() -> None:
    """It also finds a limit below the first rate."""
    limit = Limit(13.0)
    found = await search().run(limit.holds)
    assert limit.asked[:4] == [100.0, 50.0, 25.0, 12.5]
    assert found is not None
    assert 13.0 / 1.1 <= found <= 13.0


async def test_there_is_no_result_if_the_lowest_rate_does_not_hold() -> None:
    """The search ends at the lowest rate."""
    limit = Limit(1.0)
    assert await search(lowest=30.0).run(limit.holds) is None
    assert limit.asked == [100.0, 50.0, 30.0]


async def test_the_number_of_tries_is_bounded() -> None:
    """After the last try the result is the best rate so far."""
    limit = Limit(1e12)
    assert await search(most_tries=3).run(limit.holds) == 400.0
    assert len(limit.asked) == 3


async def test_a_rate_that_does_not_hold_for_long_is_lowered() -> None:
    """The first step that holds is the result."""
    limit = Limit(85.0)
    assert await confirm(100.0, 0.9, 3, limit.holds) == 81.0
    assert limit.asked == [100.0, 90.0, 81.0]
