"""Read PowerMTA's accounting file: CSV whose first line names the columns. Pure.

Used: ``type`` (d delivered, b bounced, t transient), ``rcpt``, ``dsnStatus``, ``dsnDiag`` and, if
the file has them, ``dsnMta`` and ``dlvDestinationIp``, which name the system that refused.
"""

import csv
import re
from collections.abc import Iterator, Sequence

from client.event import Event
from client.logs.entry import (
    DEFERRED,
    INSIDE,
    NOT_A_DELIVERY,
    OWN_DECISION,
    UNREADABLE,
    Skipped,
    entry_of,
    is_inside,
)
from shared.model.verdict import Report

_NEEDED = {"type", "rcpt", "dsnStatus", "dsnDiag"}
_STATUS = re.compile(r"\d\.\d{1,3}\.\d{1,3}")


class PmtaParser:
    """Parses the lines of one file, the first one first."""

    def __init__(self) -> None:
        self._columns: Sequence[str] = ()

    def __call__(self, line: str) -> Iterator[Event | Skipped]:
        """Yield what *line* says: one event or reason; the line of the names says nothing."""
        try:
            row = next(csv.reader([line]), [])
        except csv.Error:
            row = []
        if "type" in row:
            self._columns = row
            return
        if not set(self._columns) >= _NEEDED or len(row) != len(self._columns):
            yield UNREADABLE
            return
        fields = dict(zip(self._columns, row, strict=True))
        peer = fields.get("dlvDestinationIp", "")
        match fields["type"]:
            case "d" | "b" if peer and is_inside(peer):
                yield INSIDE
            case "d":
                yield entry_of(Report(fields["rcpt"], delivered=True), line)
            case "b" if "dsnMta" in fields and not fields["dsnMta"]:
                yield OWN_DECISION
            case "b":
                status = _STATUS.match(fields["dsnStatus"])
                report = Report(
                    fields["rcpt"],
                    permanent=True,
                    status=status[0] if status else "",
                    text=fields["dsnDiag"],
                )
                yield entry_of(report, line)
            case "t" | "tq":
                yield DEFERRED
            case _:
                # Received mail, complaints, and remote bounces: anyone can send those.
                yield NOT_A_DELIVERY
