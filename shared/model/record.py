"""Encode events as records of the topic, and decode them.

The value is a MessagePack array that starts with a version. The key is the domain in ASCII::

    [1, kind, count]            kind: 0 delivered, 1 bounced
    [1, kind, count, key]       key: the sender's idempotency key

Or one record has the sums of many domains, and an empty key::

    [2, kind, domains, counts]  domains: in ASCII, each once, a line feed between two;
                                a count for each

Other producers may write a value in JSON; its first byte distinguishes it (``json_record.py``).

A new version gets a new first number and a further decoder. The topic keeps records for the whole
retention time, so every version that was ever written must stay readable.
``tests/unit/shared/model/records`` has examples of each.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, NamedTuple, TypeGuard

import msgspec

from shared.errors import InvalidDomainError, InvalidEventError, UndecodableRecordError
from shared.model.domain import DomainName, are_plain_lines, parse_domain
from shared.model.event import Event, EventKind, parse_idempotency_key
from shared.model.json_record import FIRST_BYTE, decode_json_value

VERSION = 1
SUMS_VERSION = 2
MAX_DOMAINS = 500
"""Of one record with sums: it takes a worker some milliseconds."""
MAX_COUNT = 2**40
"""Per record: far more than a group of requests adds up to, and so little that a few records
cannot overflow a counter (2**63)."""

KeyValue = tuple[bytes, bytes]
TRACEPARENT = "traceparent"
"""The header of a request or a record that names the trace and the parent span (W3C)."""
TRACEPARENT_BYTES = 80
"""The most that the header adds to a record."""
RECORD_OVERHEAD_BYTES = 32
"""The most that a record adds to its key and value (KIP-98: 21 bytes and some varints)."""

_KINDS = (EventKind.DELIVERED, EventKind.BOUNCED)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}


class _ValueV1(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    """The value of version 1."""

    version: int
    kind: int
    count: int
    idempotency_key: str | None = None


class _ShortValueV1(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The same without a key, as most values are: one byte shorter."""

    version: int
    kind: int
    count: int


class _ValueV2(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    """The value of version 2."""

    version: int
    kind: int
    domains: bytes
    counts: list[Annotated[int, msgspec.Meta(ge=1, le=MAX_COUNT)]]


class Sums(NamedTuple):
    """The counts of one kind of event for many domains: names in ASCII, and a count for each."""

    kind: EventKind
    domains: Sequence[bytes]
    counts: Sequence[int]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_ValueV1).decode
_decode_v2 = msgspec.msgpack.Decoder(_ValueV2).decode
_SUMS = b"\x94\x02"
"""How a value of version 2 begins: an array of four, the first of them 2."""


def encode_event(event: Event) -> KeyValue:
    """Return the key and the value of the record of *event*."""
    if event.idempotency_key is None:
        return encode_count(event.domain, event.kind, event.count)
    value = _encode(_ValueV1(VERSION, _CODES[event.kind], event.count, event.idempotency_key))
    return event.domain.encode("ascii"), value


def encode_count(domain: DomainName, kind: EventKind, count: int) -> KeyValue:
    """Return the key and the value of the record of *count* events without idempotency keys."""
    return domain.encode("ascii"), _encode_short(kind, count)


_SHORT_BYTES = 8
"""A value up to this size has no key, or a very short one; there are few such values."""


# Nearly all records of a busy topic have one of a few small counts.
@lru_cache(maxsize=4096)
def _encode_short(kind: EventKind, count: int) -> bytes:
    return _encode(_ShortValueV1(VERSION, _CODES[kind], count))


def encode_sums(kind: EventKind, counts: Mapping[DomainName, int]) -> Iterator[KeyValue]:
    """Yield the keys and values of the records of *counts*, at most MAX_DOMAINS in each."""
    if len(counts) == 1:
        yield from (encode_count(domain, kind, count) for domain, count in counts.items())
        return
    domains, numbers = list(counts), list(counts.values())
    for start in range(0, len(domains), MAX_DOMAINS):
        part = slice(start, start + MAX_DOMAINS)
        names = "\n".join(domains[part]).encode("ascii")
        yield b"", _encode(_ValueV2(SUMS_VERSION, _CODES[kind], names, numbers[part]))


def decode_events(key: bytes | None, value: bytes | None) -> list[Event]:
    """Return the events that a record reports.

    Raises UndecodableRecordError for malformed bytes, an unknown version, a count out of range,
    and a domain in another spelling than ingest writes: counting it would make two domains of one.
    """
    if has_sums(value):
        kind, domains, counts = decode_sums(value)
        return [
            Event(decode_domain(name), kind, n) for name, n in zip(domains, counts, strict=True)
        ]
    kind, count, idempotency_key = decode_value(value)
    return [Event(decode_domain(require_key(key)), kind, count, idempotency_key)]


def has_sums(value: bytes | None) -> TypeGuard[bytes]:
    """Whether *value* begins as one of many domains does: ``decode_sums`` decodes it."""
    return value is not None and value.startswith(_SUMS)


def decode_sums(value: bytes) -> Sums:
    """Return the sums of a record of many domains; raise as ``decode_events``."""
    try:
        fields = _decode_v2(value)
    except msgspec.DecodeError as error:
        raise UndecodableRecordError(f"the value is not a record: {error}") from error
    domains = fields.domains.split(b"\n")
    if len(domains) != len(fields.counts):
        raise UndecodableRecordError(f"{len(domains)} domains, {len(fields.counts)} counts")
    if len(set(domains)) != len(domains):
        # A replay of a domain's counted events ends with its event at the last of their offsets.
        raise UndecodableRecordError("the record has a domain twice")
    if not are_plain_lines(fields.domains):
        for domain in domains:
            decode_domain(domain)
    return Sums(_kind(fields.kind), domains, fields.counts)


def require_key(key: bytes | None) -> bytes:
    """Return *key*, the domain in ASCII, of a record that has one; raise as ``decode_events``."""
    if key is None:
        raise UndecodableRecordError("the record has no key or no value")
    return key


def decode_value(value: bytes | None) -> tuple[EventKind, int, str | None]:
    """Return kind, count and idempotency key of a record's value; raise as ``decode_events``."""
    if value is None:
        raise UndecodableRecordError("the record has no key or no value")
    return _decode_short(value) if len(value) <= _SHORT_BYTES else _decode_value(value)


def _decode_value(value: bytes) -> tuple[EventKind, int, str | None]:
    try:
        fields = _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if value.startswith(FIRST_BYTE):  # here, so that our own values pay nothing for it
            return decode_json_value(value)
        raise UndecodableRecordError(f"the value is not a record: {error}") from error
    if fields.version != VERSION:
        raise UndecodableRecordError(f"version {fields.version} is unknown")
    kind = _kind(fields.kind)
    if not 1 <= fields.count <= MAX_COUNT:
        raise UndecodableRecordError(f"count {fields.count} is out of range")
    if fields.idempotency_key is not None:
        _check_idempotency_key(fields.idempotency_key)
    return kind, fields.count, fields.idempotency_key


def _kind(code: int) -> EventKind:
    if not 0 <= code < len(_KINDS):
        raise UndecodableRecordError(f"kind {code} is unknown")
    return _KINDS[code]


_decode_short = lru_cache(maxsize=4096)(_decode_value)


def _check_idempotency_key(text: str) -> None:
    try:
        parse_idempotency_key(text)
    except InvalidEventError as error:
        raise UndecodableRecordError(str(error)) from error


def decode_domain(key: bytes) -> DomainName:
    """Return the domain that a record's key is; raise as ``decode_events``."""
    try:
        text = key.decode("ascii")
        domain = parse_domain(text)
    except (UnicodeDecodeError, InvalidDomainError) as error:
        raise UndecodableRecordError(f"the key is not a domain: {error}") from error
    if domain != text:
        raise UndecodableRecordError("the key is not the one spelling of its domain")
    return domain
