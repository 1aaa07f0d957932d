"""The profile ``waves`` has the published properties of the generator."""

import re
from collections import Counter
from itertools import islice

import pytest

from tests.tools.load.streams.event import Kind
from tests.tools.load.streams.stream import events_of
from tests.tools.load.streams.waves import ACTIVE_DOMAINS, Life, lives
from tests.tools.load.streams.waves_stream import WavesStream

SEED = 20_240_607
DOMAINS = 20_000
THRESHOLD = 1_000
NAME = re.compile(r"[A-Za-z]{14}\.(net|com|org|io|gov)")


@pytest.fixture(scope="module")
def seen() -> list[Life]:
    """Return the domains with at least one event."""
    return [life for life in islice(lives(SEED), DOMAINS) if life.events]


def bounces(life: Life) -> int:
    """Return the number of events of *life* that bounce: every ``period``-th."""
    return len(range(0, life.events, life.period)) if life.period else 0


def status(life: Life) -> str:
    """Return the final status of *life*."""
    if bounces(life):
        return "not catch-all"
    return "catch-all" if life.events > THRESHOLD else "unknown"


def test_names_are_fourteen_letters_in_mixed_case_and_a_known_last_label() -> None:
    """Names have the generator's form, and are different in lower case."""
    names = [life.name for life in islice(lives(SEED), DOMAINS)]
    assert all(NAME.fullmatch(name) for name in names)
    assert len({name.lower() for name in names}) == DOMAINS
    assert {name.rpartition(".")[2] for name in names} == {"net", "com", "org", "io", "gov"}
    assert any(name != name.lower() for name in names)


def test_domains_have_0_to_2499_events(seen: list[Life]) -> None:
    """The number of events is uniform in its range, both ends included."""
    numbers = [life.events for life in islice(lives(SEED), DOMAINS)]
    assert min(numbers) == 0
    assert max(numbers) == 2_499
    assert sum(numbers) / DOMAINS == pytest.approx(1_249.5, rel=0.01)
    assert len(seen) < DOMAINS


def test_every_25th_domain_never_bounces() -> None:
    """Domains 0, 25, 50, ... have period 0, the others 35 % of their events."""
    for life in islice(lives(SEED), 1_000):
        expected = 0 if life.number % 25 == 0 else int(0.35 * life.events)
        assert life.period == expected
        assert life.number % 25 != 0 or bounces(life) == 0


def test_statuses_come_out_in_the_published_shares(seen: list[Life]) -> None:
    """95.92 % not catch-all, 2.40 % catch-all, 1.68 % unknown."""
    shares = {name: count / len(seen) for name, count in Counter(map(status, seen)).items()}
    assert shares == {
        "not catch-all": pytest.approx(0.9592, abs=0.002),
        "catch-all": pytest.approx(0.0240, abs=0.002),
        "unknown": pytest.approx(0.0168, abs=0.002),
    }


def test_an_ended_domain_is_replaced_and_never_comes_back() -> None:
    """A domain has all its events at one place, in order."""
    events = list(islice(events_of(WavesStream(SEED)), 200_000))
    sent = Counter(event.number for event in events)
    bounced = Counter(event.number for event in events if event.kind is Kind.BOUNCED)
    last = max(sent)
    active = {event.number for event in events[-ACTIVE_DOMAINS:]}
    for life in islice(lives(SEED), last + 1):
        if life.number not in active:
            assert sent[life.number] == life.events
            assert bounced[life.number] == bounces(life)


def test_a_seed_is_a_workload() -> None:
    """The same seed gives the same events, another seed gives others."""

    def first(seed: int) -> list[object]:
        return list(islice(events_of(WavesStream(seed)), 5_000))

    assert first(1) == first(1)
    assert first(1) != first(2)
