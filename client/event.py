"""An event as a sender has it, and the texts that it is read from. Pure."""

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

DELIVERED, BOUNCED = "delivered", "bounced"
_TYPES: dict[str, type] = {"domain": str, "event": str, "count": int, "id": str}


@dataclass(frozen=True, slots=True)
class Event:
    """*count* deliveries or bounces of mail to *domain*.

    The service checks the values. Events with the same *id*, domain and kind count once within its
    key window, one hour by default.
    """

    domain: str
    event: str
    count: int = 1
    id: str | None = None
    line: int = field(default=0, compare=False)
    """Where it stands in the input, from 1, for messages; 0 if it comes from elsewhere."""


class InputLineError(ValueError):
    """A line of the input is not an event."""


def parse_ndjson(lines: Iterable[str]) -> Iterator[Event | InputLineError]:
    """Yield the event of each line ``{"domain": ..., "event": ..., "count": ..., "id": ...}``.

    A line that is not an event yields an error in its place; empty lines are passed over.
    """
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        try:
            fields = json.loads(text)
        except ValueError:
            fields = None
        yield _event(fields, number)


def parse_csv(lines: Iterable[str]) -> Iterator[Event | InputLineError]:
    """Yield the event of each row ``domain,event,count,id``; the last two are optional (RFC 4180).

    A first row with the names of the columns may change their order. Errors as in `parse_ndjson`.
    """
    columns = list(_TYPES)
    rows = csv.reader(lines)
    while True:
        first_line = rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as error:  # a quote that is not closed may have taken many lines
            yield InputLineError(f"lines {first_line} to {rows.line_num}: {error}")
            continue
        if row is None:
            return
        if not row:
            continue
        if rows.line_num == 1 and "domain" in row:
            columns = row
            continue
        fields: dict[str, Any] = {
            name: cell for name, cell in zip(columns, row, strict=False) if cell
        }
        try:
            if "count" in fields:
                fields["count"] = int(fields["count"])
        except ValueError:
            fields = {}
        yield _event(fields if len(row) <= len(columns) else None, rows.line_num)


def _event(fields: Any, line: int) -> Event | InputLineError:
    if isinstance(fields, dict) and all(
        type(value) is _TYPES.get(name) for name, value in fields.items()
    ):
        try:
            return Event(**fields, line=line)
        except TypeError:  # no domain, or no event
            pass
    return InputLineError(f"line {line}: expected domain, event, and perhaps count and id")
