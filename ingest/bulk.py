"""Parse a bulk request: one JSON object per line; each line is accepted or rejected by itself.

Nearly all requests have only well-formed lines. Such a request is decoded in one call, without
exceptions. Its events are added up by domain and kind while they are parsed, so the number of
records grows with the domains of a request, not with its lines.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from ingest.event_sums import EventSums
from ingest.messages import MAX_LINES, Line, Rejection
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
from shared.problems import Problem

MAX_BYTES = 1024 * 1024
_LINES_AT_ONCE = 500
_NOT_JSON = Problem.MALFORMED_JSON.explain(part="line", form="")


_decoder = msgspec.json.Decoder(Line)

Numbered = tuple[int, Line]


def count_lines(body: bytes) -> int:
    """Return the number of lines in *body*, including blank lines.

    Raises InputError. No line has been parsed by then.
    """
    lines = body.count(b"\n") + (not body.endswith(b"\n"))
    if lines > MAX_LINES:
        raise InputError(Problem.TOO_MANY_LINES, max_lines=MAX_LINES)
    return lines


@dataclass(slots=True)
class BulkRequest:
    """A bulk request: the sums of its events, and its rejected lines."""

    sums: EventSums = field(default_factory=EventSums)
    rejected: list[Rejection] = field(default_factory=list)
    """Not sorted by line number: lines that are not valid JSON come first."""
    _lines: list[Numbered] = field(default_factory=list)
    _domains: dict[str, DomainName] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        """The number of accepted lines."""
        return len(self._lines)

    def by_partition(self, place: Callable[[DomainName], int]) -> dict[int, EventSums]:
        """Return the sums of each partition that has events, as *place* places domains."""
        parts: dict[int, EventSums] = defaultdict(EventSums)
        for kind in EventKind:
            for domain, count in self.sums.counts_of(kind).items():
                parts[place(domain)].counts_of(kind)[domain] = count
        for event in self.sums.keyed:
            parts[place(event.domain)].keyed.append(event)
        return parts

    def lines_of(self, partitions: Container[int], place: Callable[[DomainName], int]) -> list[int]:
        """Return the numbers of the accepted lines in *partitions*."""
        return [
            number
            for number, line in self._lines
            if place(self._domains[line.domain]) in partitions
        ]

    def parse(self, body: bytes) -> Iterator[None]:
        """Parse each line of *body* into the sums or the rejections; never raises.

        Yields after every few hundred lines, so that the caller can let other tasks run: names
        that need IDNA and rejected lines take a hundred times longer than plain names.
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
                self.rejected.append(Rejection(number, error.problem.code, str(error)))
                refused.add(number)
        self._lines.extend([line for line in lines if line[0] not in refused] if refused else lines)

    def _decode_each(self, lines: Sequence[tuple[int, bytes]]) -> Iterator[Numbered]:
        decode = _decoder.decode
        for number, line in lines:
            if not line or line.isspace():
                continue  # a blank line has a number, but no event
            try:
                yield number, decode(line)
            except msgspec.ValidationError as error:
                # The message names our fields and types, and quotes at most one field of the line.
                self.rejected.append(
                    Rejection(number, Problem.INVALID_LINE.code, escape_input(str(error)))
                )
            except (msgspec.DecodeError, UnicodeDecodeError):
                self.rejected.append(Rejection(number, Problem.MALFORMED_JSON.code, _NOT_JSON))


def _decode_all(body: bytes) -> list[Line] | None:
    """Return the lines of *body*, or None unless each line is one well-formed object."""
    try:
        lines = _decoder.decode_lines(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    # If every line end stands between two objects or at the end, each object is one line.
    between = body.count(b"\n") - body.endswith(b"\n")
    if between == body.count(b"}\n{") == len(lines) - 1 and body.startswith(b"{"):
        return lines
    return None
