"""Write domains as lines of a download: NDJSON or CSV, and the last line with the totals. Pure."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from query.export.tally import Totals
from query.lookup.answer import Answer
from shared.model.domain import DomainName


class ExportFormat(StrEnum):
    """A form of the lines."""

    NDJSON = "ndjson"
    CSV = "csv"


class ExportEnd(msgspec.Struct, frozen=True):
    """The last line of a download. A download without it was interrupted."""

    complete: Annotated[
        bool, Meta(description="False: domains follow. Go on with the cursor, at any node.")
    ]
    totals: Annotated[
        Totals,
        Meta(description="All domains of this part of the download, also those not asked for."),
    ]
    cursor: Annotated[
        str | None, Meta(description="The last domain that was read, if it is not complete.")
    ]


class LineFormat(msgspec.Struct, frozen=True):
    """How answers become lines."""

    media_type: str
    head: bytes
    encode: Callable[[Sequence[Answer]], bytes]
    before_end: bytes
    """Stands in front of the last line."""
    padding: bytes
    """May stand in front of any line and means nothing; empty: nothing may."""

    def encode_end(self, totals: Totals, cursor: DomainName | None, *, complete: bool) -> bytes:
        """Return the last line."""
        end = ExportEnd(complete, totals, None if complete else cursor)
        return self.before_end + _encoder.encode_lines([end])


_encoder = msgspec.json.Encoder()
CSV_COLUMNS = "domain,status,delivered,bounced,threshold,reason"


def _encode_csv(answers: Sequence[Answer]) -> bytes:
    # A domain, the one spelling of a name, has no character that needs quotes (RFC 4180), and
    # none at its start that makes a spreadsheet take it for a formula.
    return "".join(
        f"{a.domain},{a.status},{a.delivered},{a.bounced},{a.threshold},{a.reason}\r\n"
        for a in answers
    ).encode()


LINE_FORMATS = {
    ExportFormat.NDJSON: LineFormat("application/x-ndjson", b"", _encoder.encode_lines, b"", b" "),
    ExportFormat.CSV: LineFormat(
        "text/csv", f"{CSV_COLUMNS}\r\n".encode(), _encode_csv, b"# ", b""
    ),
}
