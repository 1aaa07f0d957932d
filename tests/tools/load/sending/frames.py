"""What the processes of a run tell each other: a length, then a message."""

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
    """To a sending process: what to send. It answers Ready."""

    options: LoadOptions
    share: Share
    connections: int


class Ready(msgspec.Struct, tag=True):
    """Everything is prepared."""


class Go(msgspec.Struct, tag=True):
    """To a sending process: send. All processes of a machine share ``perf_counter``."""

    began: float
    """When the schedule starts."""


class Progress(msgspec.Struct, tag=True):
    """What happened since the last one, and the requests that are on their way now."""

    seconds: list[Second]
    in_flight: int


class Entries(msgspec.Struct, tag=True):
    """A piece of the ledger; they come in the end, and may be tens of megabytes."""

    outcome: Outcome
    piece: Piece


class Finished(msgspec.Struct, tag=True):
    """The last message of a sending process."""

    ended: float
    """When the last fate was known, by ``perf_counter`` as is the next."""
    last_accepted: float | None
    cpu_seconds: float
    breaches: list[str]


Message = Begin | Ready | Go | Progress | Entries | Finished
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Message).decode


def encode(message: Message) -> bytes:
    """Return *message* as it travels."""
    encoded = _encode(message)
    return LENGTH.pack(len(encoded)) + encoded


def write(message: Message, target: BufferedWriter) -> None:
    """Write *message*, all of it.

    To standard output itself, which PYTHONUNBUFFERED makes unbuffered, a part may be written.
    """
    target.write(encode(message))
    target.flush()


def decode(encoded: bytes) -> Message:
    """Return the message that came after its length."""
    message: Message = _decode(encoded)
    return message


def read(source: BufferedReader) -> Message:
    """Wait for the next message; raises EOFError where there is none."""
    head = source.read(LENGTH.size)
    if not head:
        raise EOFError("There are no more messages.")
    return decode(source.read(LENGTH.unpack(head)[0]))
