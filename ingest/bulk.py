"""Parse a bulk request: one JSON object per line, each good or refused for itself.

A request whose lines are all well-formed, as nearly all are, is decoded in one call and costs
no exception. Its events are added up by domain and kind as they are read, so what goes on to
the log grows with the domains of a request, not with its lines.
"""

from collections import defaultdict
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from ingest.event_sums import EventSums
from shared.errors import InputError
from shared.model.domain import DomainName, escape_input, parse_domain
from shared.model.event import (
    MAX_COUNT,
    Event,
    EventKind,
    parse_count,
    parse_idempotency_key,
    parse_kind,
)
from shared.model.partitioning import partition_of

MAX_LINES = 5_000
MAX_BYTES = 1024 * 1024
_LINES_AT_ONCE = 500


class Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A line as its sender writes it.

    Unknown fields are refused: a misspelt ``count`` that was ignored would count wrong.
    """

    domain: str
    event: str
    count: int = 1
    id: str | None = None


_decoder = msgspec.json.Decoder(Line)

Numbered = tuple[int, Line]


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


def count_lines(body: bytes) -> int:
    """Return how many lines *body* has, blank ones included.

    Raises TooManyLinesError before any line is looked at.
    """
    lines = body.count(b"\n") + (not body.endswith(b"\n"))
    if lines > MAX_LINES:
        raise TooManyLinesError
    return lines


@dataclass(slots=True)
class BulkRequest:
    """The events of a request, added up, and its refused lines."""

    sums: EventSums = field(default_factory=EventSums)
    rejected: list[Rejection] = field(default_factory=list)
    """In the order in which they were found, not of the lines."""
    _lines: list[Numbered] = field(default_factory=list)
    _domains: dict[str, DomainName] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        """How many lines are good."""
        return len(self._lines)

    def by_partition(self, partitions: int) -> dict[int, EventSums]:
        """Return the events of each partition that has any."""
        parts: dict[int, EventSums] = defaultdict(EventSums)
        for kind in EventKind:
            for domain, count in self.sums.counts_of(kind).items():
                parts[partition_of(domain, partitions)].counts_of(kind)[domain] = count
        for event in self.sums.keyed:
            parts[partition_of(event.domain, partitions)].keyed.append(event)
        return parts

    def lines_of(self, partitions: Container[int], of: int) -> list[int]:
        """Return the numbers of the good lines whose partition, among *of*, is in *partitions*."""
        return [
            number
            for number, line in self._lines
            if partition_of(self._domains[line.domain], of) in partitions
        ]

    def parse(self, body: bytes) -> Iterator[None]:
        """Take in what each line of *body* says, or why it says nothing; nothing is raised.

        Pauses after every few hundred lines, so that others may have their turn: names that need
        IDNA take a hundred times longer than plain ones, and so do lines that are refused.
        """
        decoded = _decode_all(body)
        if decoded is not None:
            good = list(enumerate(decoded, start=1))
            for start in range(0, len(good), _LINES_AT_ONCE):
                self._count_lines(good[start : start + _LINES_AT_ONCE])
                yield
            return
        lines = list(enumerate(body.split(b"\n"), start=1))
        for start in range(0, len(lines), _LINES_AT_ONCE):
            self._count_lines(list(self._decode_each(lines[start : start + _LINES_AT_ONCE])))
            yield

    def _count_lines(self, lines: Sequence[Numbered]) -> None:
        domains, sums = self._domains, self.sums
        counts = {kind.value: sums.counts_of(kind) for kind in EventKind}
        refused: set[int] = set()
        for number, line in lines:
            try:
                domain = domains.get(line.domain)
                if domain is None:
                    domain = domains[line.domain] = parse_domain(line.domain)
                by_domain = counts.get(line.event)
                if line.id is None and by_domain is not None and 0 < line.count <= MAX_COUNT:
                    by_domain[domain] = by_domain.get(domain, 0) + line.count
                else:
                    key = None if line.id is None else parse_idempotency_key(line.id)
                    kind, count = parse_kind(line.event), parse_count(line.count)
                    sums.count(Event(domain, kind, count, key))
            except InputError as error:
                self.rejected.append(Rejection(number, error.code, error.detail))
                refused.add(number)
        self._lines.extend([line for line in lines if line[0] not in refused] if refused else lines)

    def _decode_each(self, lines: Sequence[tuple[int, bytes]]) -> Iterator[Numbered]:
        decode = _decoder.decode
        for number, line in lines:
            if not line or line.isspace():
                continue  # it counts as a line, but says nothing
            try:
                yield number, decode(line)
            except msgspec.ValidationError as error:
                # Its sentence names our fields and types, and of the line a field's name at most.
                self.rejected.append(Rejection(number, "invalid_line", escape_input(str(error))))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.rejected.append(
                    Rejection(number, "malformed_json", "The line is no JSON object.")
                )


def _decode_all(body: bytes) -> list[Line] | None:
    """Return the lines of *body* if each holds one object of the right form, and no more."""
    try:
        lines = _decoder.decode_lines(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    # Where every line end stands between two objects, or ends the body, each is a line.
    between = body.count(b"\n") - body.endswith(b"\n")
    if between == body.count(b"}\n{") == len(lines) - 1 and body.startswith(b"{"):
        return lines
    return None
