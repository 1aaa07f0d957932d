"""Encode changes of status as records of the topic of changes, and decode them again.

The key is the domain in ASCII, the value a MessagePack array that starts with a version::

    [1, topic_partition, delivered, bounced, appended_at]

``appended_at`` is when Kafka took the newest event that is counted, in milliseconds since 1970.
The counters are those of one topic partition, counted by its worker. One bounce in any partition is
final. Whether a domain is catch-all depends on the counters of all its partitions.
"""

from dataclasses import dataclass

import msgspec

from shared.errors import InvalidDomainError, UndecodableRecordError
from shared.model.counter import Counters
from shared.model.domain import DomainName, parse_domain
from shared.model.record import KeyValue

VERSION = 1


@dataclass(frozen=True, slots=True)
class Change:
    """A change of a domain's status, with its counters in one topic partition."""

    domain: DomainName
    topic_partition: str
    counted: Counters
    appended_at: int
    """When Kafka appended the newest counted event, in milliseconds since 1970."""


class _ValueV1(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True, gc=False):
    version: int
    topic_partition: str
    delivered: int
    bounced: int
    appended_at: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_ValueV1).decode


def encode_change(change: Change) -> KeyValue:
    """Return the key and the value of the record of *change*."""
    counted = change.counted
    value = _ValueV1(
        VERSION, change.topic_partition, counted.delivered, counted.bounced, change.appended_at
    )
    return change.domain.encode("ascii"), _encode(value)


def decode_change(key: bytes | None, value: bytes | None) -> Change:
    """Return the change of a record. Raises UndecodableRecordError."""
    if key is None or value is None:
        raise UndecodableRecordError("the change has no key or no value")
    try:
        fields = _decode(value)
        text = key.decode("ascii")
        domain = parse_domain(text)
    except (msgspec.DecodeError, UnicodeDecodeError, InvalidDomainError) as error:
        raise UndecodableRecordError(f"the record is not a change: {error}") from error
    if fields.version != VERSION:
        raise UndecodableRecordError(f"version {fields.version} is unknown")
    if domain != text or fields.delivered < 0 or fields.bounced < 0:
        raise UndecodableRecordError("the change has another spelling or counts below zero")
    counted = Counters(fields.delivered, fields.bounced)
    return Change(domain, fields.topic_partition, counted, fields.appended_at)
