"""Which events are duplicates: this depends only on the records of the partition."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.counting.dedupe import MARGIN_MS, WINDOW_MS, Dedupe
from shared.model.domain import DomainName

A, B = DomainName("a.example"), DomainName("b.example")
START_MS = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """A record: its key, if any, and its append time."""

    domain: DomainName
    key: str | None
    timestamp_ms: int


class Reader:
    """Reads a partition from an offset on, in fetches of any size."""

    def __init__(self, entries: Sequence[Entry], offset: int) -> None:
        self.dedupe = Dedupe()
        self.offset = offset
        self.duplicates: set[int] = set()
        self._entries = entries

    def read(self, count: int) -> None:
        """Read the next *count* records as one fetch."""
        end = min(self.offset + count, len(self._entries))
        if self.offset < end:
            self.dedupe.advance(self.offset, self._entries[self.offset].timestamp_ms)
        for offset in range(self.offset, end):
            entry = self._entries[offset]
            if entry.key is not None and self.dedupe.is_duplicate(
                entry.domain, entry.key, offset, entry.timestamp_ms
            ):
                self.duplicates.add(offset)
        self.offset = end


def duplicates_of(entries: Sequence[Entry]) -> set[int]:
    """Return the offsets of duplicates, computed directly from the definition."""
    return {
        later
        for later, entry in enumerate(entries)
        if entry.key is not None
        and any(
            (earlier.domain, earlier.key) == (entry.domain, entry.key)
            and entry.timestamp_ms - earlier.timestamp_ms <= WINDOW_MS
            for earlier in entries[:later]
        )
    }


@pytest.mark.parametrize(
    ("apart_ms", "repeats"), [(0, True), (1, True), (WINDOW_MS, True), (WINDOW_MS + 1, False)]
)
def test_a_key_repeats_within_ten_minutes(apart_ms: int, *, repeats: bool) -> None:
    """The end of the window is part of it."""
    reader = Reader([Entry(A, "k", START_MS), Entry(A, "k", START_MS + apart_ms)], 0)
    reader.read(1)
    reader.read(1)
    assert reader.duplicates == ({1} if repeats else set())


def test_the_same_key_of_another_domain_is_another_key() -> None:
    """A key is unique per domain only."""
    reader = Reader([Entry(A, "k", START_MS), Entry(B, "k", START_MS)], 0)
    reader.read(2)
    assert reader.duplicates == set()


def test_a_duplicate_starts_a_window_too() -> None:
    """The rule compares with any earlier record, not only with the first."""
    step = WINDOW_MS - 1
    reader = Reader([Entry(A, "k", START_MS + turn * step) for turn in range(3)], 0)
    reader.read(3)
    assert reader.duplicates == {1, 2}


def test_keys_are_forgotten_once_they_cannot_repeat() -> None:
    """Memory holds the keys of the window and its margin only."""
    late = START_MS + WINDOW_MS + MARGIN_MS
    entries = [Entry(A, "a", START_MS), Entry(A, "b", START_MS + 5), Entry(A, None, late + 1)]
    reader = Reader(entries, 0)
    reader.read(2)
    assert len(reader.dedupe) == 2
    reader.read(1)
    assert len(reader.dedupe) == 1


def test_a_partition_without_keys_is_not_read_again() -> None:
    """Reading starts where counting starts."""
    reader = Reader([Entry(A, None, START_MS + second * 1000) for second in range(50)], 0)
    reader.read(50)
    assert reader.dedupe.keys_from(50) == 50


def test_keys_that_can_no_longer_repeat_are_not_read_again() -> None:
    """Reading starts at the first key that a record at the committed offset may repeat."""
    entries = [
        Entry(A, "old", START_MS),
        Entry(A, None, START_MS + 2000),
        Entry(A, "young", START_MS + 4000 + MARGIN_MS),
        Entry(A, None, START_MS + 2001 + WINDOW_MS + MARGIN_MS),
    ]
    reader = Reader(entries, 0)
    for _ in entries:
        reader.read(1)
    assert reader.dedupe.keys_from(4) == 2


def test_old_keys_stay_findable_while_the_commit_lags() -> None:
    """The window is measured from the committed record, not from the newest one."""
    entries = [
        Entry(A, "k", START_MS),
        Entry(A, None, START_MS + 1000),
        Entry(A, "k", START_MS + WINDOW_MS * 5),
    ]
    reader = Reader(entries, 0)
    for _ in entries:
        reader.read(1)
    assert reader.dedupe.keys_from(1) == 0
    assert reader.dedupe.keys_from(3) == 2


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32))
def test_the_next_owner_finds_the_same_duplicates(seed: int) -> None:
    """This holds from any position that was ever committed."""
    random = Random(seed)
    entries: list[Entry] = []
    now_ms = START_MS
    for _ in range(random.randrange(1, 120)):
        now_ms += random.choice([0, 1, 300, 5_000, 90_000, WINDOW_MS // 3, WINDOW_MS])
        key = random.choice([None, "a", "b", "c"])
        entries.append(Entry(random.choice([A, B]), key, now_ms))
    expected = duplicates_of(entries)
    next_offset = keys_from = 0
    while next_offset < len(entries):
        reader, start = Reader(entries, keys_from), next_offset
        while reader.offset < len(entries) and random.random() < 0.9:
            reader.read(random.randrange(1, 9))
            if random.random() < 0.5 and reader.offset >= next_offset:
                # The store may lag behind what is read by any number of records.
                next_offset = random.randrange(next_offset, reader.offset + 1)
                keys_from = reader.dedupe.keys_from(next_offset)
        if reader.offset < len(entries):
            continue
        assert {o for o in reader.duplicates if o >= start} == {o for o in expected if o >= start}
        break
