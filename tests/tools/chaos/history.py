"""Write and read the history of a run: JSON lines, each written when its content became known.

``t`` is in seconds since the start of the run, on one monotonic clock. A history has no plans:
every line is an observation.
"""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from tests.tools.load.streams.event import Kind, Outcome

Phase = Literal["begin", "end"]
Way = Literal["put", "bulk"]


class HistoryError(Exception):
    """The file is not a history; the message says where and why."""


class _Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=str.lower):
    t: float
    """When it was observed; for a request or a read, when its answer (or lack of one) was known."""


class _Element(msgspec.Struct, frozen=True, array_like=True, gc=False, forbid_unknown_fields=True):
    """A part of a line that is written as an array."""


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """The bounds of the guarantees."""

    refusal_seconds: float
    """The longest time to an answer while Kafka can't store (R6)."""
    visible_seconds: float
    """From a 202 until the count is visible, once everything is healed (R7)."""
    memory_bytes: int
    """Resident memory of any process of a tier (R6)."""


class Run(_Line, frozen=True, kw_only=True):
    """The first line: the options of the run."""

    seed: int
    began: str
    """Wall-clock time in UTC, for readers."""
    threshold: int
    promise: Promise
    nodes: list[str]
    """Names such as ``ingest-1``, ``worker-2``, ``query-1``, ``kafka-3``, ``cassandra-1``."""


class SentEvent(_Element, frozen=True):
    """One event of a request: a PUT has one; a bulk line is one with a ``count``."""

    domain: str
    """In the spelling of the request."""
    kind: Kind
    count: int
    key: str | None
    """Events of one domain with one key are one event."""
    outcome: Outcome


class Request(_Line, frozen=True, kw_only=True):
    """A request that reports events, and its outcome."""

    sent: float
    way: Way
    node: str
    status: int | None
    """None: there was no complete answer."""
    events: list[SentEvent]


class Answer(_Element, frozen=True):
    """An answer of the query tier about a domain."""

    domain: str
    status: str
    delivered: int
    bounced: int


class Read(_Line, frozen=True, kw_only=True):
    """A read during the run."""

    sent: float
    node: str
    status: int | None
    answers: list[Answer]
    """Empty unless the status is 200."""


class Fault(_Line, frozen=True, kw_only=True):
    """One end of a fault, which lasts from its ``begin`` to its ``end``."""

    id: int
    kind: str
    target: str
    phase: Phase
    detail: str = ""


class Pulse(_Line, frozen=True, kw_only=True):
    """The state of the nodes, about once a second. None: no answer."""

    lag: int | None
    """Events that no worker has counted yet."""
    rss: dict[str, int]
    ready: dict[str, bool | None]
    live: dict[str, bool | None]


class Unable(_Line, frozen=True, kw_only=True):
    """Between two of these lines Kafka certainly can't store any event."""

    phase: Phase


class Healed(_Line, frozen=True, kw_only=True):
    """The last fault has ended."""


class Settled(_Line, frozen=True, kw_only=True):
    """How the system recovered after ``healed``. None: not within the limit."""

    lag_zero_seconds: float | None
    visible_seconds: float | None
    """From a new PUT's 202 until its count was visible."""


class Final(_Line, frozen=True, kw_only=True):
    """After ``settled``: the final answers about domains, and about some without events."""

    node: str
    answers: list[Answer]


class StoredRow(_Element, frozen=True):
    """A counter row in the store."""

    log: str
    writer: str
    delivered: int
    bounced: int
    applied_offset: int


class Rows(_Line, frozen=True, kw_only=True):
    """All rows of a domain, written at least if its counts look wrong."""

    domain: str
    rows: list[StoredRow]


Line = Run | Request | Read | Fault | Pulse | Unable | Healed | Settled | Final | Rows


class HistoryWriter:
    """Write lines to a new file; if this process is killed, no written line is lost."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._encoder = msgspec.json.Encoder()
        self._buffer = bytearray()

    def write(self, line: Line) -> None:
        """Append *line* and pass it to the operating system before returning."""
        self._encoder.encode_into(line, self._buffer)
        self._buffer += b"\n"
        self._file.write(self._buffer)
        self._file.flush()

    def close(self) -> None:
        """Close the file; a second call has no effect."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_history(path: Path) -> Iterator[Line]:
    """Yield the lines of *path* one by one; raises HistoryError for a missing or wrong file.

    The first line must be a ``Run``: it has the bounds of the guarantees.
    """
    decoder = msgspec.json.Decoder(Line)
    try:
        with path.open("rb") as file:
            number = 0
            for number, text in enumerate(file, start=1):
                try:
                    line = decoder.decode(text)
                except msgspec.MsgspecError as error:
                    raise HistoryError(f"{path}, line {number}: {error}") from error
                if isinstance(line, Run) is not (number == 1):
                    raise HistoryError(
                        f"{path}, line {number}: the first line, and no other, describes the run"
                    )
                yield line
    except OSError as error:
        raise HistoryError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise HistoryError(f"{path}, line {number + 1}: not UTF-8") from error
    if not number:
        raise HistoryError(f"{path}: the file is empty")
