"""Encode events as records of the topic, and decode them.

The key is the domain in ASCII, the value a MessagePack array that starts with a version::

    [1, kind, count]            kind: 0 delivered, 1 bounced
    [1, kind, count, key]       key: the sender's idempotency key

A new version gets a new first number and a further decoder. The topic keeps records for the whole
retention time, so every version that was ever written must stay readable.
``tests/unit/shared/model/records`` has examples of each.
"""

from functools import lru_cache

import msgspec

from shared.errors import InvalidDomainError, InvalidEventError, UndecodableRecordError
from shared.model.domain import DomainName, parse_domain
from shared.model.event import Event, EventKind, parse_idempotency_key

VERSION = 1
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


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_ValueV1).decode


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


def decode_event(key: bytes | None, value: bytes | None) -> Event:
    """Return the event that a record reports.

    Raises UndecodableRecordError for malformed bytes, an unknown version, a count out of range,
    and a domain in another spelling than ingest writes: counting it would make two domains of one.
    """
    kind, count, idempotency_key = decode_value(value)
    return Event(decode_domain(require_key(key)), kind, count, idempotency_key)


def require_key(key: bytes | None) -> bytes:
    """Return *key*, the domain in ASCII, of a record that has one; raise as ``decode_event``."""
    if key is None:
        raise UndecodableRecordError("the record has no key or no value")
    return key


def decode_value(value: bytes | None) -> tuple[EventKind, int, str | None]:
    """Return kind, count and idempotency key of a record's value; raise as ``decode_event``."""
    if value is None:
        raise UndecodableRecordError("the record has no key or no value")
    return _decode_short(value) if len(value) <= _SHORT_BYTES else _decode_value(value)


def _decode_value(value: bytes) -> tuple[EventKind, int, str | None]:
    try:
        fields = _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableRecordError(f"the value is not a record: {error}") from error
    if fields.version != VERSION:
        raise UndecodableRecordError(f"version {fields.version} is unknown")
    if not 0 <= fields.kind < len(_KINDS):
        raise UndecodableRecordError(f"kind {fields.kind} is unknown")
    if not 1 <= fields.count <= MAX_COUNT:
        raise UndecodableRecordError(f"count {fields.count} is out of range")
    if fields.idempotency_key is not None:
        _check_idempotency_key(fields.idempotency_key)
    return _KINDS[fields.kind], fields.count, fields.idempotency_key


_decode_short = lru_cache(maxsize=4096)(_decode_value)


def _check_idempotency_key(text: str) -> None:
    try:
        parse_idempotency_key(text)
    except InvalidEventError as error:
        raise UndecodableRecordError(str(error)) from error


def decode_domain(key: bytes) -> DomainName:
    """Return the domain that a record's key is; raise as ``decode_event``."""
    try:
        text = key.decode("ascii")
        domain = parse_domain(text)
    except (UnicodeDecodeError, InvalidDomainError) as error:
        raise UndecodableRecordError(f"the key is not a domain: {error}") from error
    if domain != text:
        raise UndecodableRecordError("the key is not the one spelling of its domain")
    return domain
