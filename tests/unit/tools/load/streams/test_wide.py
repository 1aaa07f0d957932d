"""The profile ``wide`` has its domains, shares and distributions."""

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


def test_no_two_domains_have_the_same_name() -> None:
    """Numbers and names correspond one to one."""
    wide = WideStream(SEED, 50_000)
    names = [wide.name(number) for number in range(50_000)]
    assert len(set(names)) == 50_000
    assert all(NAME.fullmatch(name) for name in names)


@pytest.mark.parametrize("exponent", [0.7, 1.0, 1.2, 2.0])
def test_ranks_follow_zipfs_law(exponent: float) -> None:
    """Each of ten ranks is within four standard deviations of its share."""
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
    """The same seed gives the same events, another seed gives others."""

    def first(seed: int) -> list[object]:
        return list(islice(events_of(WideStream(seed, 10_000, 1.0)), 2_000))

    assert first(1) == first(1)
    assert first(1) != first(2)
