"""Parse a bulk request: one JSON object per line, each good or refused for itself."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from shared.domain import escape_input, parse_domain
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


class TooManyLinesError(InputError):
    """The request has more lines than one may have."""

    def __init__(self) -> None:
        super().__init__("too_many_lines", f"A request may have {MAX_LINES} lines.")


def split_lines(body: bytes) -> list[tuple[int, bytes]]:
    """Return the lines that are not blank, with their numbers: blank ones count, too.

    Raises TooManyLinesError before any line is looked at.
    """
    if body.count(b"\n") + (not body.endswith(b"\n")) > MAX_LINES:
        raise TooManyLinesError
    return [
        (number, line)
        for number, line in enumerate(body.split(b"\n"), start=1)
        if line and not line.isspace()
    ]


@dataclass(slots=True)
class Bulk:
    """The good lines of a request, with their numbers, and the others."""

    events: list[tuple[int, Event]] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)

    def parse(self, lines: Iterable[tuple[int, bytes]]) -> None:
        """Add what each of *lines* says, or why it says nothing; nothing is raised."""
        for number, line in lines:
            try:
                self.events.append((number, _parse_line(line)))
            except InputError as error:
                self.rejected.append(Rejection(number, error.code, error.detail))
            except msgspec.ValidationError as error:
                # Its sentence names our fields and types, and of the line a field's name at most.
                self.rejected.append(Rejection(number, "invalid_line", escape_input(str(error))))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.rejected.append(
                    Rejection(number, "malformed_json", "The line is no JSON object.")
                )


def _parse_line(line: bytes) -> Event:
    fields = _decode(line)
    return Event(
        parse_domain(fields.domain),
        parse_kind(fields.event),
        parse_count(fields.count),
        None if fields.id is None else parse_key(fields.id),
    )
