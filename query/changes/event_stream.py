"""Write server-sent events (HTML standard, 9.2) as bytes.

A block without data is no event, but its id is the one that a client resumes from.
"""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from query.changes.event_id import format_id
from query.lookup.answer import Answer

HEARTBEAT = b": still here\n\n"
TEXT_TYPE = "text/event-stream"

_encode = msgspec.json.Encoder().encode


class Lost(StrEnum):
    """Why a client is told to read anew what it knows."""

    TOO_SLOW = "too_slow"
    OUT_OF_RANGE = "out_of_range"
    TOO_FAR_BEHIND = "too_far_behind"


def encode_data(answer: Answer) -> bytes:
    """Return what follows the id of a change, the same for all clients."""
    return b"data: " + _encode(answer) + b"\n\n"


def encode_change(offsets: Sequence[int], data: bytes) -> bytes:
    """Return a change after which a client goes on from *offsets*."""
    return b"id: %b\n%b" % (format_id(offsets).encode(), data)


def encode_place(offsets: Sequence[int]) -> bytes:
    """Return a block that is no event and names where to go on from."""
    return b"id: %b\n\n" % format_id(offsets).encode()


def encode_hello(retry_ms: int) -> bytes:
    """Return what a stream begins with: after how long to come back when it ends."""
    return b": changes of status\nretry: %d\n\n" % retry_ms


def encode_resync(offsets: Sequence[int], why: Lost) -> bytes:
    """Return the event that tells a client to read its domains anew, and where it goes on."""
    reason = _encode({"reason": why})
    return b"id: %b\nevent: resync\ndata: %b\n\n" % (format_id(offsets).encode(), reason)


def encode_late(late: bool) -> bytes:  # noqa: FBT001 it is the event's only content
    """Return the event that says that news may be late, or that they no longer are."""
    return b"event: late\ndata: %b\n\n" % _encode({"late": late})
