"""Which events are duplicates: this depends only on the records of the partition."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.counting.keys.dedupe import Dedupe, KeyWindow
from shared.model.event import EventKind

A, B = b"a.example", b"b.example"
START_MS = 1_700_000_000_000
WINDOW = KeyWindow(seconds=600, max_events=1_000)
DELIVERED, BOUNCED = EventKind.DELIVERED, EventKind.BOUNCED


@dataclass(frozen=True, slots=True)
class Entry:
    """A record: its append time in seconds since the first, and its key, if any."""

    second: float
    key: str | None = "k"
    domain: bytes = A
    kind: EventKind = DELIVERED


class Reader:
    """Reads a partition from an offset on."""

    def __init__(
        self, entries: Sequence[Entry], offset: int = 0, window: KeyWindow = WINDOW
    ) -> None:
        self.dedupe = Dedupe(window)
        self.offset = offset
        self.duplicates: set[int] = set()
        self._entries = entries

    def read(self, count: int) -> None:
        """Read the next *count* records as one fetch."""
        end = min(self.offset + count, len(self._entries))
        for offset in range(self.offset, end):
            entry = self._entries[offset]
            self.dedupe.advance(offset, START_MS + int(entry.second * 1000))
            if entry.key is not None and self.dedupe.is_duplicate(
                entry.domain, entry.kind, entry.key, offset
            ):
                self.duplicates.add(offset)
        self.offset = end


def read(entries: Sequence[Entry], window: KeyWindow = WINDOW) -> Reader:
    """Return a reader that has read all of *entries*."""
    reader = Reader(entries, window=window)
    reader.read(len(entries))
    return reader


def duplicates_of(entries: Sequence[Entry], window: KeyWindow) -> set[int]:
    """Return the offsets of duplicates, computed directly from the definition."""
    return {
        later
        for later, entry in enumerate(entries)
        if entry.key is not None
        and any(
            (earlier.domain, earlier.kind, earlier.key) == (entry.domain, entry.kind, entry.key)
            and elapsed(entries[offset : later + 1]) <= window.seconds
            and sum(e.key is not None for e in entries[offset:later]) <= window.max_events
            for offset, earlier in enumerate(entries[:later])
        )
    }


def elapsed(entries: Sequence[Entry]) -> int:
    """Return the sum of the forward steps between *entries*."""
    seconds = [int(entry.second) for entry in entries]
    return sum(max(0, later - earlier) for earlier, later in pairwise(seconds))


@pytest.mark.parametrize(("second", "repeats"), [(0, True), (1, True), (600, True), (601, False)])
def test_a_key_repeats_within_the_window(second: int, *, repeats: bool) -> None:
    """The end of the window is part of it."""
    assert read([Entry(0), Entry(second)]).duplicates == ({1} if repeats else set())


@pytest.mark.parametrize("other", [Entry(0, domain=B), Entry(0, kind=BOUNCED), Entry(0, "K")])
def test_a_key_names_an_event_by_domain_and_kind(other: Entry) -> None:
    """A bounce under the key of a delivery is another event."""
    assert read([Entry(0), other, Entry(0), other]).duplicates == {2, 3}


def test_a_duplicate_starts_a_window_too() -> None:
    """The rule compares with any earlier record, not only with the first."""
    assert read([Entry(turn * 599) for turn in range(3)]).duplicates == {1, 2}


@pytest.mark.parametrize(("others", "repeats"), [(2, True), (3, False)])
def test_with_too_many_keys_the_oldest_leave_the_window(others: int, *, repeats: bool) -> None:
    """The bound counts events of the log, so no worker forgets more than another."""
    entries = [Entry(0), *(Entry(1, f"other-{n}") for n in range(others)), Entry(1)]
    reader = read(entries, KeyWindow(seconds=600, max_events=3))
    assert reader.duplicates == ({len(entries) - 1} if repeats else set())


def test_it_tells_by_how_much_the_bound_shortens_the_window() -> None:
    """An operator learns of it before a sender does."""
    reader = Reader([Entry(n, f"{n}") for n in range(600)], window=KeyWindow(600, 100))
    reader.read(100)
    assert reader.dedupe.window_lost_seconds == 0
    reader.read(500)
    assert reader.dedupe.window_lost_seconds == 600 - 100 + 1


@pytest.mark.parametrize("step", [-86_400, -600, -1, 1, 599])
def test_a_step_of_the_brokers_clock_hides_no_duplicate(step: int) -> None:
    """Not while the log's time goes on for less than the window."""
    assert read([Entry(0), Entry(step, None), Entry(step), Entry(step)]).duplicates == {2, 3}


def test_a_step_forward_ends_the_window_for_earlier_keys() -> None:
    """Also once the clock is set back: a worker that starts there decides alike."""
    entries = [Entry(0), Entry(5_000, None), Entry(0)]
    assert read(entries).duplicates == set()


def test_a_batch_that_is_read_again_changes_nothing() -> None:
    """A rebalance may interrupt a batch; the partition then continues at its beginning."""
    entries = [Entry(0, "a"), Entry(5, "b"), Entry(2, "c"), Entry(300, None), Entry(597, "a")]
    reader = Reader(entries)
    reader.read(3)
    for again in range(3):
        reader.offset = again
        reader.read(3 - again)
    assert len(reader.dedupe) == 3
    reader.duplicates.clear()
    reader.read(2)
    assert reader.duplicates == duplicates_of(entries, WINDOW) == {4}


def test_keys_are_forgotten_once_they_cannot_repeat() -> None:
    """Memory does not hold more keys than the window."""
    reader = Reader([Entry(0, "a"), Entry(1, "b"), Entry(601, None), Entry(602, None)])
    reader.read(2)
    assert (len(reader.dedupe), reader.dedupe.memory_keys) == (2, 2)
    reader.read(1)
    assert len(reader.dedupe) == 1
    reader.read(1)
    assert (len(reader.dedupe), reader.dedupe.memory_keys) == (0, 0)


def test_a_partition_without_keys_is_not_read_again() -> None:
    """Reading starts where counting starts."""
    assert read([Entry(second, None) for second in range(50)]).dedupe.keys_from(50) == 50


def test_keys_that_can_no_longer_repeat_are_not_read_again() -> None:
    """Reading starts in the second of the first key that the committed record may repeat."""
    entries = [Entry(0, "old"), Entry(2, None), Entry(4, "young"), Entry(603, None)]
    assert read(entries).dedupe.keys_from(4) == 2


def test_keys_beyond_the_bound_are_not_read_again() -> None:
    """A takeover reads no more keys than memory holds."""
    entries = [Entry(n, f"{n}") for n in range(50)]
    assert read(entries, KeyWindow(600, 10)).dedupe.keys_from(50) == 39


def test_old_keys_stay_findable_while_the_commit_lags() -> None:
    """The window is measured from the committed record, not from the newest one."""
    reader = read([Entry(0), Entry(1, None), Entry(3_000)])
    assert reader.dedupe.keys_from(1) == 0
    assert reader.dedupe.keys_from(3) == 2


@settings(max_examples=200)
@given(seed=st.integers(0, 2**32))
def test_every_owner_finds_the_same_duplicates(seed: int) -> None:
    """From any committed position, in any fetches, while the clock steps both ways."""
    random = Random(seed)
    window = KeyWindow(600, random.choice([3, 10, 1_000]))
    steps = [0, 0.001, 0.3, 5, 90, 200, 600, -0.2, -70, -300, -3_600]
    entries: list[Entry] = []
    second = 10_000.0
    for _ in range(random.randrange(1, 120)):
        second = max(0.0, second + random.choice(steps))
        key = random.choice([None, "a", "b", "c"])
        entries.append(
            Entry(second, key, random.choice([A, B]), random.choice([DELIVERED, BOUNCED]))
        )
    expected = duplicates_of(entries, window)
    next_offset = keys_from = 0
    while True:
        reader, start = Reader(entries, keys_from, window), next_offset
        while reader.offset < len(entries) and random.random() < 0.9:
            reader.read(random.randrange(1, 9))
            if random.random() < 0.5 and reader.offset >= next_offset:
                # The store may lag behind what is read by any number of records.
                next_offset = random.randrange(next_offset, reader.offset + 1)
                keys_from = reader.dedupe.keys_from(next_offset)
        found = {offset for offset in reader.duplicates if offset >= start}
        assert found == {offset for offset in expected if start <= offset < reader.offset}
        if reader.offset == len(entries):
            break
