"""The profile ``wide`` has the domains, the shares and the laws that it says."""

import re
from collections import Counter
from itertools import islice
from random import Random

import pytest

from tests.tools.load.streams.event import Kind
from tests.tools.load.streams.stream import events_of
from tests.tools.load.streams.wide_stream import DEFAULT_BOUNCE_SHARE, WideStream
from tests.tools.load.streams.zipf import Zipf

SEED = 7
NAME = re.compile(r"[a-z]{8}\.(net|com|org|io|gov)")


def distinct(wide: WideStream, events: int) -> int:
    """Return how many domains come past in *events*."""
    return len({event.number for event in islice(events_of(wide), events)})


def test_no_two_domains_have_one_name() -> None:
    """Numbers and names are one to one, and each name is a domain's."""
    wide = WideStream(SEED, 50_000)
    names = [wide.name(number) for number in range(50_000)]
    assert len(set(names)) == 50_000
    assert all(NAME.fullmatch(name) for name in names)


def test_uniform_draws_hardly_ever_meet() -> None:
    """100,000 events over 10,000,000 domains: 99,500 of them distinct."""
    assert distinct(WideStream(SEED, 10_000_000), 100_000) == pytest.approx(99_500, rel=0.002)


@pytest.mark.parametrize(("exponent", "domains", "top"), [(1.0, 47_000, 0.06), (1.2, 16_000, 0.18)])
def test_by_zipf_few_domains_are_much_of_the_stream(
    exponent: float, domains: int, top: float
) -> None:
    """How many meet, and what share the first one has, follow from the exponent."""
    wide = WideStream(SEED, 10_000_000, exponent)
    seen = Counter(event.number for event in islice(events_of(wide), 100_000))
    assert len(seen) == pytest.approx(domains, rel=0.05)
    assert seen[0] / 100_000 == pytest.approx(top, rel=0.05)


@pytest.mark.parametrize("exponent", [0.7, 1.0, 1.2, 2.0])
def test_ranks_come_as_often_as_zipf_says(exponent: float) -> None:
    """Each of ten ranks within four standard deviations of its share."""
    draws, random, zipf = 100_000, Random(SEED), Zipf(10, exponent)
    seen = Counter(zipf.draw(random) for _ in range(draws))
    total = sum(rank**-exponent for rank in range(1, 11))
    for rank in range(1, 11):
        share = rank**-exponent / total
        deviation = (draws * share * (1 - share)) ** 0.5
        assert abs(seen[rank] - draws * share) < 4 * deviation
    assert set(seen) <= set(range(1, 11))


def test_one_percent_of_the_domains_bounce_and_not_always() -> None:
    """A domain that bounces also delivers; all others only deliver."""
    wide = WideStream(SEED, 1_000)
    kinds: dict[int, Counter[Kind]] = {}
    for event in islice(events_of(wide), 200_000):
        kinds.setdefault(event.number, Counter())[event.kind] += 1
    bouncing = {number for number, seen in kinds.items() if seen[Kind.BOUNCED]}
    assert len(bouncing) == 1_000 * DEFAULT_BOUNCE_SHARE
    assert all(kinds[number][Kind.DELIVERED] for number in bouncing)


def test_a_seed_is_a_workload() -> None:
    """The same seed gives the same events, another one others."""

    def first(seed: int) -> list[object]:
        return list(islice(events_of(WideStream(seed, 10_000, 1.0)), 2_000))

    assert first(1) == first(1)
    assert first(1) != first(2)


@pytest.mark.parametrize("domains", [0, 26**8 + 1])
def test_impossible_sizes_are_refused(domains: int) -> None:
    """There is a name for every domain."""
    with pytest.raises(ValueError, match="names for 1 to"):
        WideStream(SEED, domains)
