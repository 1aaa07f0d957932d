"""Parse a bulk request: lines of JSON objects, or one JSON array of them. Pure.

Each line or element is accepted or rejected by itself. Nearly all requests are well-formed. Such a
request is decoded in one call, without exceptions. Its events are added up by domain and kind while
they are parsed, so the number of records grows with the domains of a request, not with its lines.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from ingest.event_sums import EventSums
from ingest.messages import MAX_LINES, Rejection
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
from shared.model.json_objects import BYTE_ORDER_MARK, has_duplicate_field
from shared.problems import Problem

MAX_BYTES = 1024 * 1024
ARRAY_FORM = "array of events"
_LINES_AT_ONCE = 500
_NOT_JSON = Problem.MALFORMED_JSON.explain(part="line", form="object")


class _Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A line. What it does not give is None, so that the fields that it gives can be counted."""

    domain: str
    event: str
    count: int | None = None
    id: str | None = None


class _LooseLine(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A line whose count may also be written as 3.0 or 1e3."""

    domain: str
    event: str
    count: int | float = 1
    id: str | None = None


_decode_lines = msgspec.json.Decoder(_Line).decode_lines
_decode_array = msgspec.json.Decoder(list[_Line]).decode
_decode_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_loose = msgspec.json.Decoder(_LooseLine).decode

Numbered = tuple[int, _Line]


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a bulk request, without a byte-order mark, and the number of its lines."""

    text: bytes
    is_array: bool
    lines: int
    """The elements of an array, or the lines, including blank ones."""


def open_body(text: bytes, *, is_array: bool) -> Body:
    """Return *text* as a body; no line has been parsed by then.

    Raises InputError: too many lines, or not an array.
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    lines = len(_elements(text)) if is_array else text.count(b"\n") + (not text.endswith(b"\n"))
    if lines > MAX_LINES:
        raise InputError(Problem.TOO_MANY_LINES, max_lines=MAX_LINES)
    return Body(text, is_array, lines)


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

    def parse(self, body: Body) -> Iterator[None]:
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
        parts: Sequence[msgspec.Raw | bytes]
        parts = _elements(body.text) if body.is_array else body.text.split(b"\n")
        lines = list(enumerate(parts, start=1))
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
                count = line.count
                if count is None:
                    count = 1
                if line.id is None and by_domain is not None and 0 < count <= MAX_COUNT:
                    by_domain[domain] = by_domain.get(domain, 0) + count
                else:
                    key = None if line.id is None else parse_idempotency_key(line.id)
                    kind, count = parse_kind(line.event), parse_count(count)
                    sums.count(Event(domain, kind, count, key))
            except InputError as error:
                self.rejected.append(Rejection(number, error.problem.code, str(error)))
                refused.add(number)
        self._lines.extend([line for line in lines if line[0] not in refused] if refused else lines)

    def _decode_each(self, lines: Iterable[tuple[int, msgspec.Raw | bytes]]) -> Iterator[Numbered]:
        for number, raw in lines:
            text = bytes(raw)
            if not text or text.isspace():
                continue  # a blank line has a number, but no event
            try:
                line = _decode_one(text)
            except msgspec.ValidationError as error:
                # The message names our fields and types, and quotes at most one field of the line.
                self._reject(number, Problem.INVALID_LINE, escape_input(str(error)))
            except (msgspec.DecodeError, UnicodeDecodeError):
                self._reject(number, Problem.MALFORMED_JSON, _NOT_JSON)
            else:
                if has_duplicate_field(text):
                    self._reject(number, Problem.DUPLICATE_FIELD, Problem.DUPLICATE_FIELD.detail)
                else:
                    yield number, line

    def _reject(self, number: int, problem: Problem, detail: str) -> None:
        self.rejected.append(Rejection(number, problem.code, detail))


def _decode_one(text: bytes) -> _Line:
    """Return the line *text*, whose count may be written as a fraction or with an exponent."""
    line = _decode_loose(text)
    count = int(line.count)
    if count != line.count:
        raise msgspec.ValidationError("Expected a whole number - at `$.count`")
    return _Line(line.domain, line.event, count, line.id)


def _elements(text: bytes) -> list[msgspec.Raw]:
    """Return the elements of the JSON array *text*, not decoded. Raises InputError."""
    try:
        return _decode_elements(text)
    # RecursionError: an element holds arrays in arrays, thousands deep.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(Problem.MALFORMED_JSON, part="body", form=ARRAY_FORM) from error


def _decode_all(body: Body) -> list[_Line] | None:
    """Return the lines of *body*, or None unless each is one well-formed object.

    None also if a count is written with a fraction or an exponent, if null is given, and if a line
    may have a field twice: each field that a line gives has one colon.
    """
    text = body.text
    try:
        lines = _decode_array(text) if body.is_array else _decode_lines(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    absent = [line.count for line in lines].count(None) + [line.id for line in lines].count(None)
    colons = text.count(b":") - (4 * len(lines) - absent)
    if colons and b"\\" not in text:  # else an id may contain a colon that is not spelled as one
        colons -= sum(line.id.count(":") for line in lines if line.id is not None)
    if colons:
        return None
    if body.is_array:
        return lines
    # If every line end stands between two objects or at the end, each object is one line.
    between = text.count(b"\n") - text.endswith(b"\n")
    if between == text.count(b"}\n{") == len(lines) - 1 and text.startswith(b"{"):
        return lines
    return None
