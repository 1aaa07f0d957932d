"""The topic of dead letters, read as a ledger: each dead letter and its current state. Pure.

Workers append dead letters (``consumer/kafka/dead_letters.py``). A replay appends marks to the same
topic, so the topic itself records what was sent again::

    dead letter                                  waiting: it can be sent
    dead letter, sending                         in doubt: a replay may have sent it
    dead letter, sending, sent | not_sent        sent | waiting again: it was certainly not sent

The origin identifies a dead letter: the topic partition and the offset of the original record. A
worker that dies may append the same record twice; both entries are one dead letter. Of several
``sending`` marks the first one counts. Each replay reads back whose mark came first, so two replays
that run at the same time never both send the same dead letter.
"""

import base64
import binascii
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

import msgspec

from shared.errors import UndecodableRecordError
from shared.model.event import Event
from shared.model.partitioning import partition_of
from shared.model.record import KeyValue, decode_events


class Origin(NamedTuple):
    """Where the original record is: "topic/partition" and its offset there."""

    topic_partition: str
    offset: int


class State(StrEnum):
    """The current state of a dead letter."""

    WAITING = "waiting"
    IN_DOUBT = "in doubt"
    SENT = "sent"


class Outcome(StrEnum):
    """What a mark records about its dead letter."""

    SENDING = "sending"
    SENT = "sent"
    NOT_SENT = "not_sent"


class _Entry(msgspec.Struct, frozen=True):
    """A record of the topic as JSON: a mark if it has ``replay``, else a dead letter."""

    topic_partition: str = msgspec.field(name="log")
    offset: int
    reason: str = ""
    key: str | None = None
    value: str | None = None
    cut: bool = False
    replay: Outcome | None = None
    by: str = ""


@dataclass(slots=True)
class DeadLetter:
    """A record that a worker could not decode. ``offset`` is its place in the dead-letter topic."""

    offset: int
    origin: Origin
    reason: str
    key: bytes | None
    value: bytes | None
    cut: bool = False
    """The record was too long to store whole, so no version can decode it."""
    state: State = State.WAITING
    sender: str = ""
    """The replay whose ``sending`` mark came first; empty while the dead letter is waiting."""

    @property
    def record(self) -> KeyValue | None:
        """The original bytes; None if the key or the value is missing or was cut."""
        if self.key is None or self.value is None or self.cut:
            return None
        return self.key, self.value

    def events(self) -> list[Event]:
        """Return the events that this version decodes; none if this version cannot decode it."""
        try:
            return decode_events(self.key, self.value)
        except UndecodableRecordError:
            return []

    def decoding_error(self) -> str:
        """Return why this version cannot decode it; "" if it can."""
        try:
            decode_events(self.key, self.value)
        except UndecodableRecordError as error:
            return str(error)
        return ""


@dataclass(slots=True)
class Ledger:
    """All dead letters of the topic, in the topic's order."""

    by_origin: dict[Origin, DeadLetter] = field(default_factory=dict)
    unreadable: list[int] = field(default_factory=list)
    """Offsets of records that are neither a dead letter nor a mark."""

    def add(self, offset: int, value: bytes | None) -> None:
        """Apply the record at *offset* of the topic."""
        entry = _decode(value)
        if entry is None:
            self.unreadable.append(offset)
            return
        origin = Origin(entry.topic_partition, entry.offset)
        if entry.replay is None:
            letter = _dead_letter(offset, entry, origin)
            if letter is None:
                self.unreadable.append(offset)
            else:
                self.by_origin.setdefault(origin, letter)
            return
        known = self.by_origin.get(origin)
        if known is not None:
            _apply_mark(known, entry.replay, entry.by)

    def __iter__(self) -> Iterator[DeadLetter]:
        return iter(self.by_origin.values())

    def at(self, offset: int) -> DeadLetter | None:
        """Return the dead letter at *offset* of the topic."""
        return next((letter for letter in self if letter.offset == offset), None)


def select(
    letters: Iterable[DeadLetter],
    limit: int,
    *,
    offsets: frozenset[int] = frozenset(),
    in_doubt: bool = False,
    undecodable: bool = False,
) -> list[DeadLetter]:
    """Return up to *limit* dead letters to send, the oldest first.

    If *offsets* is not empty, only these are considered. Dead letters in doubt, and those that this
    version cannot decode, are included only on request. A record without a key or a value, or one
    that was cut, is never sent: no version could count it.
    """
    wanted = {State.WAITING, State.IN_DOUBT} if in_doubt else {State.WAITING}
    selected: list[DeadLetter] = []
    for letter in letters:
        if len(selected) == limit:
            break
        if offsets and letter.offset not in offsets:
            continue
        if letter.state not in wanted or letter.record is None:
            continue
        if undecodable or letter.events():
            selected.append(letter)
    return selected


def encode_mark(letter: DeadLetter, outcome: Outcome, by: str) -> KeyValue:
    """Return the record that marks *letter* with *outcome*; *by* is the replay's name."""
    topic_partition, offset = letter.origin
    mark = {"log": topic_partition, "offset": offset, "replay": outcome, "by": by}
    return topic_partition.encode(), msgspec.json.encode(mark)


def target_partition(letter: DeadLetter, partitions: int) -> int:
    """Return the partition to send *letter* to.

    It is the partition of its first domain; if it cannot be decoded, the partition it came from;
    if that does not exist, the first.
    """
    for event in letter.events():
        return partition_of(event.domain, partitions)
    text = letter.origin.topic_partition.rpartition("/")[2]
    number = int(text) if text.isascii() and text.isdigit() else 0
    return number if number < partitions else 0


def _apply_mark(letter: DeadLetter, outcome: Outcome, by: str) -> None:
    match outcome:
        case Outcome.SENDING:
            if letter.state is State.WAITING:
                letter.state, letter.sender = State.IN_DOUBT, by
        case Outcome.SENT:
            letter.state = State.SENT
        case Outcome.NOT_SENT:
            # Only the replay whose `sending` mark counts knows that it did not send.
            if letter.state is State.IN_DOUBT and letter.sender == by:
                letter.state, letter.sender = State.WAITING, ""


def _dead_letter(offset: int, entry: _Entry, origin: Origin) -> DeadLetter | None:
    try:
        key, value = _bytes(entry.key), _bytes(entry.value)
    except binascii.Error:
        return None
    return DeadLetter(offset, origin, entry.reason, key, value, entry.cut)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


def _decode(value: bytes | None) -> _Entry | None:
    if value is None:
        return None
    try:
        return msgspec.json.decode(value, type=_Entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
