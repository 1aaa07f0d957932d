"""Read the topic of dead letters as a ledger: what was put aside, and what became of it. Pure.

The workers put letters there (``consumer/kafka/dead_letters.py``). A replay writes marks beside
them, so that the topic itself says what was sent again::

    letter                                   put aside, waits
    letter, sending                          a replay was about to send it, and may have
    letter, sending, sent | not_sent         it did | it certainly did not, so it waits again

A letter is known by its origin, the log and offset of the record. A worker that dies may put the
same record aside twice: that is one letter. Of several ``sending`` marks the first counts, so two
replays at a time never both send a letter: each reads back whose mark came first.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from shared.errors import UndecodableRecordError
from shared.model import record
from shared.model.event import Event
from shared.model.partitioning import partition_of
from shared.model.record import KeyValue

Origin = tuple[str, int]
_SHOWN = 60


class State(StrEnum):
    """What became of a letter."""

    WAITING = "waiting"
    IN_DOUBT = "in doubt"
    SENT = "sent"


class Outcome(StrEnum):
    """What a mark says of its letter."""

    SENDING = "sending"
    SENT = "sent"
    NOT_SENT = "not_sent"


class _Entry(msgspec.Struct, frozen=True):
    """Either kind of record of the topic, as it stands in the JSON."""

    log: str
    offset: int
    reason: str = ""
    key: str | None = None
    value: str | None = None
    cut: bool = False
    replay: Outcome | None = None
    by: str = ""


@dataclass(slots=True)
class Letter:
    """A record that was put aside, and where it stands in the topic of dead letters."""

    at: int
    origin: Origin
    reason: str
    key: bytes | None
    value: bytes | None
    cut: bool = False
    """Too long to be kept whole, and so no event to any version."""
    state: State = State.WAITING
    sender: str = ""
    """Whose ``sending`` came first, while it is in doubt or was sent."""

    @property
    def record(self) -> KeyValue | None:
        """The bytes as they were, None if there is no key or no value, or not all of it."""
        if self.key is None or self.value is None or self.cut:
            return None
        return self.key, self.value

    def event(self) -> Event | None:
        """Return what it says to this version, None if it is no record to this version either."""
        try:
            return record.decode(self.key, self.value)
        except UndecodableRecordError:
            return None

    def why_not(self) -> str:
        """Return why this version can't decode it, "" if it can."""
        try:
            record.decode(self.key, self.value)
        except UndecodableRecordError as error:
            return str(error)
        return ""


@dataclass(slots=True)
class Letters:
    """All letters of the topic in order, by their origin."""

    by_origin: dict[Origin, Letter] = field(default_factory=dict)
    strange: list[int] = field(default_factory=list)
    """Offsets in the topic of what is neither a letter nor a mark."""

    def add(self, at: int, value: bytes | None) -> None:
        """Take the record at offset *at* of the topic into account."""
        entry = _decode(value)
        if entry is None:
            self.strange.append(at)
            return
        origin = (entry.log, entry.offset)
        if entry.replay is None:
            letter = _letter(at, entry)
            if letter is None:
                self.strange.append(at)
            else:
                self.by_origin.setdefault(origin, letter)
            return
        known = self.by_origin.get(origin)
        if known is not None:
            _mark(known, entry.replay, entry.by)

    def __iter__(self) -> Iterator[Letter]:
        return iter(self.by_origin.values())

    def at(self, offset: int) -> Letter | None:
        """Return the letter that stands at *offset* of the topic."""
        return next((letter for letter in self if letter.at == offset), None)


def choose(
    letters: Iterable[Letter],
    limit: int,
    *,
    only: frozenset[int] = frozenset(),
    in_doubt: bool = False,
    undecodable: bool = False,
) -> list[Letter]:
    """Return up to *limit* letters to be sent, the oldest first.

    *only* these offsets of the topic, if there are any. Those in doubt, and those that this
    version can't decode either, only where asked for. A record without a key or a value, or one
    that was cut, is never sent: there is nothing in it that could be counted.
    """
    wanted = {State.WAITING, State.IN_DOUBT} if in_doubt else {State.WAITING}
    chosen: list[Letter] = []
    for letter in letters:
        if len(chosen) == limit:
            break
        if only and letter.at not in only:
            continue
        if letter.state not in wanted or letter.record is None:
            continue
        if undecodable or letter.event() is not None:
            chosen.append(letter)
    return chosen


def encode_mark(letter: Letter, outcome: Outcome, by: str) -> KeyValue:
    """Return the record that says *outcome* of *letter*; *by* names the replay that it is of."""
    log, offset = letter.origin
    mark = {"log": log, "offset": offset, "replay": outcome, "by": by}
    return log.encode(), msgspec.json.encode(mark)


def partition_for(letter: Letter, partitions: int) -> int:
    """Return where *letter* goes: its domain's partition, else where it was, else the first."""
    event = letter.event()
    if event is not None:
        return partition_of(event.domain, partitions)
    text = letter.origin[0].rpartition("/")[2]
    number = int(text) if text.isascii() and text.isdigit() else 0
    return number if number < partitions else 0


def summary(letter: Letter) -> str:
    """Return *letter* in a line. What a stranger sent is shown escaped."""
    event = letter.event()
    log, offset = letter.origin
    if event is not None:
        says = f"now decodes: {event.domain} {event.kind} {event.count}"
    else:
        says = f"{letter.key!r:.{_SHOWN}} {letter.value!r:.{_SHOWN}}"
    return f"{letter.at}  {letter.state:8}  {log}@{offset}  {letter.reason!a:.{_SHOWN}}  {says}"


def whole(letter: Letter) -> str:
    """Return all that is known of *letter*, as JSON."""
    log, offset = letter.origin
    event = letter.event()
    known = {
        "at": letter.at,
        "state": letter.state,
        "log": log,
        "offset": offset,
        "reason": letter.reason,
        "key": repr(letter.key),
        "value": repr(letter.value),
        "cut": letter.cut,
        "this_version_says": letter.why_not()
        if event is None
        else {
            "domain": event.domain,
            "event": event.kind,
            "count": event.count,
            "id": event.idempotency_key,
        },
    }
    return json.dumps(known, indent=2)


def _mark(letter: Letter, outcome: Outcome, by: str) -> None:
    match outcome:
        case Outcome.SENDING:
            if letter.state is State.WAITING:
                letter.state, letter.sender = State.IN_DOUBT, by
        case Outcome.SENT:
            letter.state = State.SENT
        case Outcome.NOT_SENT:
            # Only whoever had it in hand can say so.
            if letter.state is State.IN_DOUBT and letter.sender == by:
                letter.state, letter.sender = State.WAITING, ""


def _letter(at: int, entry: _Entry) -> Letter | None:
    try:
        key, value = _bytes(entry.key), _bytes(entry.value)
    except binascii.Error:
        return None
    return Letter(at, (entry.log, entry.offset), entry.reason, key, value, entry.cut)


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


def _decode(value: bytes | None) -> _Entry | None:
    if value is None:
        return None
    try:
        return msgspec.json.decode(value, type=_Entry)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
