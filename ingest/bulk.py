"""Parse a bulk request: one JSON object per line, each good or refused for itself."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from shared.domain import parse_domain
from shared.errors import InputError
from shared.event import Event, parse_count, parse_key, parse_kind

MAX_LINES = 5_000
MAX_BYTES = 1024 * 1024


class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A line as its sender writes it.

    Unknown fields are refused: a misspelt ``count`` that was ignored would count wrong.
    """

    domain: str
    event: str
    count: int = 1
    id: str | None = None


_decode = msgspec.json.Decoder(_Line).decode


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why a line (1-based) was not taken."""

    line: int
    code: str
    detail: str


@dataclass(slots=True)
class Bulk:
    """The good lines of a request, with their numbers, and the others."""

    events: list[tuple[int, Event]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)


class TooManyLinesError(InputError):
    """The request has more lines than one may have."""

    def __init__(self) -> None:
        super().__init__("too_many_lines", f"A request may have {MAX_LINES} lines.")


def parse_bulk(body: bytes) -> Bulk:
    """Return what *body* reports. Blank lines count as lines and say nothing.

    Raises TooManyLinesError before any line is parsed.
    """
    if body.count(b"\n") + (not body.endswith(b"\n")) > MAX_LINES:
        raise TooManyLinesError
    bulk = Bulk()
    for number, line in _lines(body):
        try:
            fields = _decode(line)
            bulk.events.append(
                (
                    number,
                    Event(
                        parse_domain(fields.domain),
                        parse_kind(fields.event),
                        parse_count(fields.count),
                        None if fields.id is None else parse_key(fields.id),
                    ),
                )
            )
        except InputError as error:
            bulk.rejected.append(Rejection(number, error.code, error.detail))
        except msgspec.ValidationError as error:
            # Its sentence names our fields and types, and nothing of the line but unknown names.
            bulk.rejected.append(Rejection(number, "invalid_line", str(error)[:200]))
        except (msgspec.DecodeError, UnicodeDecodeError):
            bulk.rejected.append(Rejection(number, "malformed_json", "The line is no JSON object."))
    return bulk


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(body.split(b"\n"), start=1):
        if line and not line.isspace():
            yield number, line
