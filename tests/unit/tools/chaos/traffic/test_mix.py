"""The stream of events: both profiles, both routes, keys, and correct repeats."""

from collections import Counter
from itertools import islice

from tests.tools.chaos.traffic.mix import (
    REPEAT_AFTER_SECONDS,
    Draft,
    Mix,
    Repeats,
)
from tests.tools.load.streams.event import Kind, Outcome

SEED = 3


def first(seed: int, parcels: int = 5_000) -> list[Draft]:
    """Return the events of the first *parcels* of a run."""
    return [draft for parcel in islice(Mix(seed).parcels(), parcels) for draft in parcel.drafts]


def test_the_same_seed_is_the_same_stream() -> None:
    """Another seed is another stream, with other keys."""
    assert first(1) == first(1)
    assert first(1) != first(2)
    assert not {d.key for d in first(1) if d.key} & {d.key for d in first(2) if d.key}


def test_a_put_carries_one_event_and_one_mail() -> None:
    """A PUT has no count; a fair share of the events goes by PUT."""
    events = Counter[bool]()
    for parcel in islice(Mix(SEED).parcels(), 5_000):
        events[parcel.by_put] += len(parcel.drafts)
        if parcel.by_put:
            assert [draft.count for draft in parcel.drafts] == [1]
    assert 0.2 < events[True] / events.total() < 0.3


def again(repeats: Repeats, now: float) -> list[Draft]:
    """Return the repeated events."""
    return [draft for parcel in repeats.take_due(now) for draft in parcel.drafts]


def test_an_event_without_a_key_is_never_repeated() -> None:
    """It would be a second event."""
    repeats = Repeats(SEED)
    for outcome in Outcome:
        repeats.record(Draft("a.example", Kind.DELIVERED), outcome, 0.0)
    assert again(repeats, 1e9) == []


def test_a_repeat_is_the_same_event_in_any_spelling() -> None:
    """Domain (in lower case), kind, count and key stay; it is due within seconds."""
    repeats = Repeats(SEED)
    draft = Draft("MiXed.example", Kind.BOUNCED, 7, "key")
    while not (found := again(repeats, REPEAT_AFTER_SECONDS[1])):
        repeats.record(draft, Outcome.UNANSWERED, 0.0)
    (repeat,) = found
    assert (repeat.domain.lower(), repeat.kind, repeat.count, repeat.key) == (
        "mixed.example",
        Kind.BOUNCED,
        7,
        "key",
    )
    assert again(repeats, 1e9) == []


def test_an_event_of_several_mails_is_never_repeated_by_put() -> None:
    """A PUT means one mail; an event of one mail is repeated by either route."""
    repeats = Repeats(SEED)
    ways = set()
    for number in range(400):
        count = 1 + number % 2
        repeats.record(
            Draft("a.example", Kind.DELIVERED, count, f"k{number}"), Outcome.REFUSED, 0.0
        )
    for parcel in repeats.take_due(1e9):
        ways |= {(parcel.by_put, draft.count) for draft in parcel.drafts}
    assert ways == {(True, 1), (False, 1), (False, 2)}
