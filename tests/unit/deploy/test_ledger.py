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
from shared.model.record import encode

GOOD = encode(Event(parse_domain("letter.example.com"), EventKind.BOUNCED, 3))
BAD = (b"\xff", b"\x00no record")


def letter(offset: int = 0, record: tuple[bytes, bytes] = GOOD, at: int = 0) -> DeadLetter:
    """Return a letter of log events/1."""
    return DeadLetter(at, Origin("events/1", offset), "why", *record)


def read(*values: bytes | None) -> Ledger:
    """Return what a topic of these values says."""
    letters = Ledger()
    for at, value in enumerate(values):
        letters.add(at, value)
    return letters


def kept(offset: int) -> bytes:
    """Return what a worker puts aside."""
    entry = {"log": "events/1", "offset": offset, "reason": "why", "key": "/w==", "value": "AG5v"}
    return msgspec.json.encode(entry)


def mark(offset: int, outcome: Outcome, by: str) -> bytes:
    """Return a mark of a replay."""
    return encode_mark(letter(offset), outcome, by)[1]


def test_a_letter_has_its_bytes_origin_and_reason() -> None:
    """Nothing of the record is lost on the way."""
    (found,) = read(kept(7))

    assert (found.offset, found.origin, found.reason) == (0, ("events/1", 7), "why")
    assert found.record == (b"\xff", b"\x00no")
    assert found.state is State.WAITING


def test_a_record_that_was_put_aside_twice_is_one_letter() -> None:
    """A worker that dies before its commit keeps it again; the first place counts."""
    assert [found.offset for found in read(kept(7), kept(8), kept(7))] == [0, 1]


@pytest.mark.parametrize(
    ("marks", "state"),
    [
        ([(Outcome.SENDING, "a")], State.IN_DOUBT),
        ([(Outcome.SENDING, "a"), (Outcome.SENT, "a")], State.SENT),
        ([(Outcome.SENDING, "a"), (Outcome.NOT_SENT, "a")], State.WAITING),
        # Whoever came second has nothing to say.
        ([(Outcome.SENDING, "a"), (Outcome.SENDING, "b"), (Outcome.NOT_SENT, "b")], State.IN_DOUBT),
        # Two people who free the same letter: the first to send it has it.
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
def test_marks_say_what_became_of_a_letter(marks: list[tuple[Outcome, str]], state: State) -> None:
    """The order in the topic decides, so every reader agrees."""
    (found,) = read(kept(7), *(mark(7, outcome, by) for outcome, by in marks))

    assert found.state is state


@pytest.mark.parametrize("strange", [None, b"", b"[]", b"\xff", b'{"log": 1}'])
def test_what_is_no_letter_is_told_and_passed_over(strange: bytes | None) -> None:
    """Anybody may have written to the topic."""
    letters = read(strange, kept(7))

    assert (letters.unreadable, len(list(letters))) == ([0], 1)


def test_a_letter_whose_bytes_are_not_base64_is_strange() -> None:
    """It can't be sent as it was."""
    assert read(kept(7).replace(b"/w==", b"/w=!")).unreadable == [0]


def test_a_mark_without_its_letter_is_nothing() -> None:
    """Its letter may be gone by retention."""
    letters = read(mark(7, Outcome.SENT, "a"))

    assert (list(letters), letters.unreadable) == ([], [])


def test_what_waits_and_decodes_is_chosen_the_oldest_first() -> None:
    """What this version can't decode would only come back as a new letter."""
    sent, doubtful = letter(3), letter(4)
    sent.state, doubtful.state = State.SENT, State.IN_DOUBT
    first, bad, last = letter(1), letter(2, BAD), letter(5)
    all_of_them = [first, bad, sent, doubtful, last]

    assert select(all_of_them, 10) == [first, last]
    assert select(all_of_them, 1) == [first]
    assert select(all_of_them, 10, undecodable=True) == [first, bad, last]
    assert select(all_of_them, 10, in_doubt=True) == [first, doubtful, last]


def test_single_letters_can_be_chosen() -> None:
    """By their offset in the topic of dead letters."""
    letters = [letter(7, at=0), letter(8, at=1)]

    assert select(letters, 10, offsets=frozenset({1})) == letters[1:]


def test_a_record_without_key_or_value_is_never_sent() -> None:
    """Nothing in it could be counted, by any version."""
    empty = DeadLetter(0, Origin("events/1", 0), "why", None, b"v")

    assert select([empty], 1, undecodable=True) == []


def test_a_letter_goes_to_the_partition_of_its_domain() -> None:
    """That is where its other events are; else to where it was, as long as that exists."""
    assert target_partition(letter(), 12) == partition_of(parse_domain("letter.example.com"), 12)
    assert target_partition(letter(record=BAD), 12) == 1
    assert target_partition(letter(record=BAD), 1) == 0
    assert target_partition(DeadLetter(0, Origin("nothing", 0), "", *BAD), 12) == 0


def test_what_strangers_sent_is_shown_escaped() -> None:
    """A terminal must not obey it."""
    hostile = DeadLetter(0, Origin("events/1", 0), "\x1b[31m", b"\x1b[31m", b"\x1b[2J")

    for text in (summary(hostile), details(hostile)):
        assert "\x1b" not in text
    assert "letter.example.com bounced 3" in summary(letter())
    assert '"event": "bounced"' in details(letter())
