"""The state of each dead letter, and which ones a replay sends."""

import msgspec
import pytest

from deploy.dead_letters.ledger import (
    DeadLetter,
    Ledger,
    Origin,
    Outcome,
    State,
    encode_mark,
    select,
    target_partition,
)
from deploy.dead_letters.text import details, summary
from shared.model.domain import parse_domain
from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from shared.model.record import encode_event

GOOD = encode_event(Event(parse_domain("letter.example.com"), EventKind.BOUNCED, 3))
BAD = (b"\xff", b"\x00no record")


def letter(offset: int = 0, record: tuple[bytes, bytes] = GOOD, at: int = 0) -> DeadLetter:
    """Return a dead letter of events/1."""
    return DeadLetter(at, Origin("events/1", offset), "why", *record)


def read(*values: bytes | None) -> Ledger:
    """Return the ledger of a topic with these values."""
    letters = Ledger()
    for at, value in enumerate(values):
        letters.add(at, value)
    return letters


def stored(offset: int) -> bytes:
    """Return a dead letter as a worker writes it."""
    entry = {"log": "events/1", "offset": offset, "reason": "why", "key": "/w==", "value": "AG5v"}
    return msgspec.json.encode(entry)


def mark(offset: int, outcome: Outcome, by: str) -> bytes:
    """Return a mark as a replay writes it."""
    return encode_mark(letter(offset), outcome, by)[1]


def test_a_dead_letter_has_the_bytes_origin_and_reason() -> None:
    """The record is restored exactly."""
    (found,) = read(stored(7))

    assert (found.offset, found.origin, found.reason) == (0, ("events/1", 7), "why")
    assert found.record == (b"\xff", b"\x00no")
    assert found.state is State.WAITING


def test_a_record_stored_twice_is_one_dead_letter() -> None:
    """A worker that dies before its commit stores it again; the first entry counts."""
    assert [found.offset for found in read(stored(7), stored(8), stored(7))] == [0, 1]


@pytest.mark.parametrize(
    ("marks", "state"),
    [
        ([(Outcome.SENDING, "a")], State.IN_DOUBT),
        ([(Outcome.SENDING, "a"), (Outcome.SENT, "a")], State.SENT),
        ([(Outcome.SENDING, "a"), (Outcome.NOT_SENT, "a")], State.WAITING),
        # The second replay has no effect.
        ([(Outcome.SENDING, "a"), (Outcome.SENDING, "b"), (Outcome.NOT_SENT, "b")], State.IN_DOUBT),
        # Two people release the same dead letter: the first `sending` counts.
        (
            [
                (Outcome.SENDING, "dead"),
                (Outcome.NOT_SENT, "dead"),
                (Outcome.SENDING, "a"),
                (Outcome.NOT_SENT, "dead"),
                (Outcome.SENDING, "b"),
                (Outcome.SENT, "a"),
            ],
            State.SENT,
        ),
    ],
)
def test_marks_set_the_state_of_a_dead_letter(
    marks: list[tuple[Outcome, str]], state: State
) -> None:
    """The order in the topic decides, so all readers agree."""
    (found,) = read(stored(7), *(mark(7, outcome, by) for outcome, by in marks))

    assert found.state is state


@pytest.mark.parametrize("value", [None, b"", b"[]", b"\xff", b'{"log": 1}'])
def test_an_unreadable_record_is_counted_and_skipped(value: bytes | None) -> None:
    """Other programs may have written to the topic."""
    letters = read(value, stored(7))

    assert (letters.unreadable, len(list(letters))) == ([0], 1)


def test_a_dead_letter_with_invalid_base64_is_unreadable() -> None:
    """Its original bytes are lost."""
    assert read(stored(7).replace(b"/w==", b"/w=!")).unreadable == [0]


def test_a_mark_without_its_dead_letter_is_ignored() -> None:
    """Retention may have deleted the dead letter."""
    letters = read(mark(7, Outcome.SENT, "a"))

    assert (list(letters), letters.unreadable) == ([], [])


def test_waiting_and_decodable_dead_letters_are_selected_oldest_first() -> None:
    """Others are selected only on request: they would become new dead letters."""
    sent, doubtful = letter(3), letter(4)
    sent.state, doubtful.state = State.SENT, State.IN_DOUBT
    first, bad, last = letter(1), letter(2, BAD), letter(5)
    everything = [first, bad, sent, doubtful, last]

    assert select(everything, 10) == [first, last]
    assert select(everything, 1) == [first]
    assert select(everything, 10, undecodable=True) == [first, bad, last]
    assert select(everything, 10, in_doubt=True) == [first, doubtful, last]


def test_dead_letters_can_be_selected_by_offset() -> None:
    """It is the offset in the topic of dead letters."""
    letters = [letter(7, at=0), letter(8, at=1)]

    assert select(letters, 10, offsets=frozenset({1})) == letters[1:]


def test_a_record_without_key_or_value_is_never_sent() -> None:
    """No version could count it."""
    empty = DeadLetter(0, Origin("events/1", 0), "why", None, b"v")

    assert select([empty], 1, undecodable=True) == []


def test_a_dead_letter_goes_to_the_partition_of_its_domain() -> None:
    """If it has no domain, it goes to the partition it came from, if that exists."""
    assert target_partition(letter(), 12) == partition_of(parse_domain("letter.example.com"), 12)
    assert target_partition(letter(record=BAD), 12) == 1
    assert target_partition(letter(record=BAD), 1) == 0
    assert target_partition(DeadLetter(0, Origin("nothing", 0), "", *BAD), 12) == 0


def test_bytes_of_strangers_are_escaped() -> None:
    """A terminal must not interpret them."""
    hostile = DeadLetter(0, Origin("events/1", 0), "\x1b[31m", b"\x1b[31m", b"\x1b[2J")

    for text in (summary(hostile), details(hostile)):
        assert "\x1b" not in text
    assert "letter.example.com bounced 3" in summary(letter())
    assert '"event": "bounced"' in details(letter())
