"""Encode events as the topic's records and decode them again.

The key is the domain in ASCII, the value a MessagePack array that starts with a version::

    [1, kind, count]            kind: 0 delivered, 1 bounced
    [1, kind, count, key]       key: the sender's idempotency key

A new version gets a new first number and a decoder beside the old ones: the topic keeps
records for as long as its retention says, so every version that was ever written stays
readable. ``tests/unit/shared/model/records`` holds examples of each.
"""

from functools import lru_cache

import msgspec

from shared.errors import InvalidDomainError, InvalidEventError, UndecodableRecordError
from shared.model.domain import DomainName, parse_domain
from shared.model.event import Event, EventKind, parse_idempotency_key

VERSION = 1
MAX_COUNT = 2**40
"""Of one record: far above what a group of requests adds up to, and far below what would let a
few records overflow a counter (2**63)."""

KeyValue = tuple[bytes, bytes]
TRACEPARENT = "traceparent"
"""The header of a record, and of a request, that says which span it goes on from (W3C)."""
TRACEPARENT_BYTES = 80
"""What the header adds to a record at most."""
RECORD_OVERHEAD_BYTES = 32
"""What a record adds at most to its key and value (KIP-98: 21 bytes and some varints)."""

_KINDS = (EventKind.DELIVERED, EventKind.BOUNCED)
_CODES = {kind: code for code, kind in enumerate(_KINDS)}


class _ValueV1(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    """The value of version 1, as it stands in the bytes."""

    version: int
    kind: int
    count: int
    idempotency_key: str | None = None


class _ShortValueV1(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The same without a key, as almost all are: one byte less each."""

    version: int
    kind: int
    count: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_ValueV1).decode


def encode_event(event: Event) -> KeyValue:
    """Return the key and the value of the record that says *event*."""
    if event.idempotency_key is None:
        return encode_count(event.domain, event.kind, event.count)
    value = _encode(_ValueV1(VERSION, _CODES[event.kind], event.count, event.idempotency_key))
    return event.domain.encode("ascii"), value


def encode_count(domain: DomainName, kind: EventKind, count: int) -> KeyValue:
    """Return the key and the value of the record of *count* events without a key."""
    return domain.encode("ascii"), _encode_short(kind, count)


_SHORT_BYTES = 8
"""Up to here a value has no key, or a key of a few characters, and is one of a few."""


# Nearly all records of a busy topic say one of a few small counts.
@lru_cache(maxsize=4096)
def _encode_short(kind: EventKind, count: int) -> bytes:
    return _encode(_ShortValueV1(VERSION, _CODES[kind], count))


def decode_event(key: bytes | None, value: bytes | None) -> Event:
    """Return the event that a record says.

    Raises UndecodableRecordError for garbage, an unknown version, a count that no counter
    holds, and for a domain that is not in the one spelling that ingest writes: counting it
    would make a second domain out of one.
    """
    if key is None or value is None:
        raise UndecodableRecordError("the record has no key or no value")
    if len(value) <= _SHORT_BYTES:
        kind, count, idempotency_key = _decode_short(value)
    else:
        kind, count, idempotency_key = _decode_value(value)
    return Event(_decode_domain(key), kind, count, idempotency_key)


def _decode_value(value: bytes) -> tuple[EventKind, int, str | None]:
    try:
        fields = _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableRecordError(f"the value is no record: {error}") from error
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


@lru_cache(maxsize=65_536)
def _decode_domain(key: bytes) -> DomainName:
    try:
        text = key.decode("ascii")
        domain = parse_domain(text)
    except (UnicodeDecodeError, InvalidDomainError) as error:
        raise UndecodableRecordError(f"the key is no domain: {error}") from error
    if domain != text:
        raise UndecodableRecordError("the key is not the one spelling of its domain")
    return domain
