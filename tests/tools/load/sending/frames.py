"""The messages between the processes of a run: a length, then a message."""

import struct
from io import BufferedReader, BufferedWriter

import msgspec

from tests.tools.load.measurement.second import Second
from tests.tools.load.options import LoadOptions
from tests.tools.load.streams.event import Outcome
from tests.tools.load.streams.schedule import Share
from tests.tools.load.verification.cells import Piece

LENGTH = struct.Struct("!I")


class Begin(msgspec.Struct, tag=True):
    """To a sending process: the events to send. The process answers Ready."""

    options: LoadOptions
    share: Share
    connections: int


class Ready(msgspec.Struct, tag=True):
    """The process is prepared."""


class Go(msgspec.Struct, tag=True):
    """To a sending process: start. All processes of a machine share ``perf_counter``."""

    began: float
    """When the schedule starts."""


class Progress(msgspec.Struct, tag=True):
    """The seconds since the previous message, and the number of requests in flight."""

    seconds: list[Second]
    in_flight: int


class Entries(msgspec.Struct, tag=True):
    """A piece of the ledger, sent at the end; all pieces may be tens of megabytes."""

    outcome: Outcome
    piece: Piece


class Finished(msgspec.Struct, tag=True):
    """The last message of a sending process."""

    ended: float
    """When the last outcome became known, by ``perf_counter`` like the next."""
    last_accepted: float | None
    cpu_seconds: float
    breaches: list[str]


Message = Begin | Ready | Go | Progress | Entries | Finished
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


def encode(message: Message) -> bytes:
    """Return *message* with its length, as bytes."""
    encoded = _encode(message)
    return LENGTH.pack(len(encoded)) + encoded


def write(message: Message, target: BufferedWriter) -> None:
    """Write all of *message*.

    PYTHONUNBUFFERED makes standard output unbuffered, and then a write may be partial.
    """
    target.write(encode(message))
    target.flush()


def decode(encoded: bytes) -> Message:
    """Return the message from its bytes, without the length."""
    message: Message = _decode(encoded)
    return message


def read(source: BufferedReader) -> Message:
    """Wait for the next message; raises EOFError at the end."""
    head = source.read(LENGTH.size)
    if not head:
        raise EOFError("There are no more messages.")
    return decode(source.read(LENGTH.unpack(head)[0]))
