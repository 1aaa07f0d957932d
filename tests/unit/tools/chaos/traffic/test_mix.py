"""The stream of events: both profiles, both ways, keys, and honest repeats."""

from collections import Counter
from itertools import islice

from tests.tools.chaos.traffic.mix import (
    MOST_COUNT,
    MOST_REPEATS,
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
    """Another seed is another one, with other keys."""
    assert first(1) == first(1)
    assert first(1) != first(2)
    assert not {d.key for d in first(1) if d.key} & {d.key for d in first(2) if d.key}


def test_a_put_carries_one_event_and_one_mail() -> None:
    """A PUT has no way to say a count; a fair share of the events travels by it."""
    events = Counter[bool]()
    for parcel in islice(Mix(SEED).parcels(), 5_000):
        events[parcel.by_put] += len(parcel.drafts)
        if parcel.by_put:
            assert [draft.count for draft in parcel.drafts] == [1]
    assert 0.2 < events[True] / events.total() < 0.3


def test_a_share_has_keys_counts_and_other_spellings() -> None:
    """No two events have one key; counts stay small; both profiles come past."""
    drafts = first(SEED)
    keys = [draft.key for draft in drafts if draft.key]
    assert len(set(keys)) == len(keys)
    assert 0.15 < len(keys) / len(drafts) < 0.25
    assert {draft.count for draft in drafts} == set(range(1, MOST_COUNT + 1))
    assert {draft.kind for draft in drafts} == set(Kind)
    labels = {len(draft.domain.split(".")[0]) for draft in drafts}
    assert labels == {8, 14}
    assert any(draft.domain.isupper() for draft in drafts)


def note_all(repeats: Repeats, outcome: Outcome, events: int = 1_000) -> None:
    """Enter *events* of one outcome at time 0."""
    for number in range(events):
        repeats.record(Draft("a.example", Kind.DELIVERED, 1, f"k{number}"), outcome, 0.0)


def again(repeats: Repeats, now: float) -> list[Draft]:
    """Return the events that are sent again."""
    return [draft for parcel in repeats.take_due(now) for draft in parcel.drafts]


def test_an_event_without_a_key_is_never_repeated() -> None:
    """It would be a second event."""
    repeats = Repeats(SEED)
    for outcome in Outcome:
        repeats.record(Draft("a.example", Kind.DELIVERED), outcome, 0.0)
    assert again(repeats, 1e9) == []


def test_repeats_come_after_every_outcome_and_mostly_after_none() -> None:
    """Nobody knows what became of an event without an answer: it is sent again most often."""
    shares = {}
    for outcome in Outcome:
        repeats = Repeats(SEED)
        note_all(repeats, outcome)
        shares[outcome] = len(again(repeats, 1e9))
        assert repeats.made == shares[outcome]
    assert 0 < shares[Outcome.ACCEPTED] < shares[Outcome.REFUSED] < shares[Outcome.UNANSWERED]


def test_a_repeat_is_the_same_event_in_whatever_spelling() -> None:
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


def test_what_is_counted_in_mails_is_never_repeated_by_put() -> None:
    """A PUT would say 1; an event of one mail goes again by either way."""
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


def test_repeats_end() -> None:
    """Nobody tries for ever."""
    repeats = Repeats(SEED)
    tries = 0
    drafts = [Draft("a.example", Kind.DELIVERED, 1, f"k{number}") for number in range(50)]
    while drafts:
        for draft in drafts:
            repeats.record(draft, Outcome.UNANSWERED, 0.0)
        drafts = again(repeats, 1e9)
        tries += 1
    assert tries == MOST_REPEATS + 1
