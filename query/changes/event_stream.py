"""Encode server-sent events (HTML standard, 9.2). Pure.

A block without data is not an event, but a client resumes from its id.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from query.changes.event_id import format_id
from query.changes.status_change import StatusChange
from query.lookup.answer import Answer

HEARTBEAT = b": still here\n\n"
TEXT_TYPE = "text/event-stream"

_encode = msgspec.json.Encoder().encode


class ResyncReason(StrEnum):
    """Why a client has to read its domains again."""

    TOO_SLOW = "too_slow"
    OUT_OF_RANGE = "out_of_range"
    TOO_FAR_BEHIND = "too_far_behind"


class NoStream(StrEnum):
    """Why a client gets no changes now; the value is the comment that its stream consists of.

    It reconnects by itself. After any status but 200 a browser's EventSource never would.
    """

    STOPPING = "this node is stopping"
    NOT_CAUGHT_UP = "this node has not caught up with the changes yet"
    TOO_MANY_CLIENTS = "this node has reached its limit of clients"
    TOO_MANY_REPLAYS = "this node has reached its limit of clients that resume at once"


class RecentChange(msgspec.Struct, frozen=True):
    """A change from before a client came; *at* is when its event was reported, since 1970."""

    at: float
    answer: Answer


def encode_recent(changes: Sequence[StatusChange]) -> bytes:
    """Return the event with the last changes before a client came, the newest last."""
    recent = [RecentChange(change.appended_at / 1000, change.answer) for change in changes]
    return b"event: recent\ndata: %b\n\n" % _encode(recent)


def encode_data(answer: Answer) -> bytes:
    """Return the part of a change after its id, which is the same for all clients."""
    return b"data: " + _encode(answer) + b"\n\n"


def encode_change(offsets: Sequence[int], data: bytes) -> bytes:
    """Return the event of a change; the client resumes from *offsets* after it."""
    return b"id: %b\n%b" % (format_id(offsets).encode(), data)


def encode_position(offsets: Sequence[int]) -> bytes:
    """Return a block that is not an event and only sets the id to resume from."""
    return b"id: %b\n\n" % format_id(offsets).encode()


def encode_preamble(retry_ms: int) -> bytes:
    """Return the first block of a stream: the time after which a client reconnects."""
    return b": changes of status\nretry: %d\n\n" % retry_ms


def encode_no_stream(reason: NoStream, retry_ms: int) -> bytes:
    """Return the whole stream of a client that gets no changes now, and comes again."""
    return b": %b\nretry: %d\n\n" % (reason.encode(), retry_ms)


def encode_resync(offsets: Sequence[int], reason: ResyncReason) -> bytes:
    """Return the event after which a client reads its domains again, and goes on from *offsets*."""
    data = _encode({"reason": reason})
    return b"id: %b\nevent: resync\ndata: %b\n\n" % (format_id(offsets).encode(), data)


def encode_late(late: bool) -> bytes:  # noqa: FBT001 it is the event's only content
    """Return the event that announces that changes may be late, or no longer are."""
    return b"event: late\ndata: %b\n\n" % _encode({"late": late})
