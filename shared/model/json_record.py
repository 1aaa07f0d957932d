"""Decode the JSON form of a record's value, for producers that are not ours. Pure.

::

    {"event": "delivered"}
    {"event": "bounced", "count": 3, "id": "message-20391"}

Its first byte, ``{``, begins no value of ours. ``deploy/PRODUCERS.md`` publishes the form.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from shared.errors import InvalidEventError, UndecodableRecordError
from shared.model.event import MAX_COUNT, EventKind, parse_idempotency_key
from shared.model.json_objects import has_duplicate_field
from shared.model.message_fields import IdempotencyKey

FIRST_BYTE = b"{"


class JsonValue(msgspec.Struct, forbid_unknown_fields=True, frozen=True, gc=False):
    """The value of a record in JSON; the record's key is the domain in its one spelling."""

    event: EventKind
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT)] = 1
    id: IdempotencyKey | None = None


_decode = msgspec.json.Decoder(JsonValue).decode


def decode_json_value(value: bytes) -> tuple[EventKind, int, str | None]:
    """Return kind, count and idempotency key of *value*. Raises UndecodableRecordError."""
    try:
        fields = _decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UndecodableRecordError(f"the value is not a record in JSON: {error}") from error
    if has_duplicate_field(value):
        raise UndecodableRecordError("the value has a field twice")
    if fields.id is not None:
        try:
            parse_idempotency_key(fields.id)
        except InvalidEventError as error:
            raise UndecodableRecordError(str(error)) from error
    return fields.event, fields.count, fields.id
