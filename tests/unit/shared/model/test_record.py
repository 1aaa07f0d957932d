"""The codec of the topic's records, against kept examples of every version."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.errors import UndecodableRecordError
from shared.model.domain import DomainName
from shared.model.event import IDEMPOTENCY_KEY_PATTERN, Event, EventKind
from shared.model.event import MAX_COUNT as MAX_REPORTED
from shared.model.json_record import JsonValue
from shared.model.record import MAX_COUNT, MAX_DOMAINS, decode_events, encode_event, encode_sums

EXAMPLES = Path(__file__).with_name("records")


def examples(name: str) -> list[Any]:
    """Return the examples of one file as parameters."""
    return [pytest.param(e, id=e["name"]) for e in json.loads((EXAMPLES / name).read_text())]


def event_of(fields: dict[str, Any]) -> Event:
    """Return the event that an example expects."""
    return Event(
        DomainName(fields["domain"]), EventKind(fields["kind"]), fields["count"], fields.get("key")
    )


def bytes_of(text: str | None) -> bytes | None:
    """Return the bytes that an example writes in hexadecimal, or None for none."""
    return None if text is None else bytes.fromhex(text)


labels = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)
domains = st.builds(lambda label: DomainName(f"{label}.example"), labels)
events = st.builds(
    Event,
    domains,
    st.sampled_from(EventKind),
    st.integers(1, MAX_COUNT),
    st.none() | st.text([chr(code) for code in range(0x21, 0x7F)], min_size=1, max_size=255),
)


@pytest.mark.parametrize(
    "record",
    [*examples("version_1.json"), *examples("version_2.json"), *examples("json.json")],
)
def test_records_of_every_version_stay_readable(record: dict[str, Any]) -> None:
    """A record of an old version decodes to the same events as ever."""
    assert decode_events(bytes_of(record["key"]), bytes_of(record["value"])) == [
        event_of(event) for event in record["events"]
    ]


@pytest.mark.parametrize("record", examples("version_1.json"))
def test_records_are_written_as_version_1(record: dict[str, Any]) -> None:
    """Byte for byte, so that older workers can read them."""
    (event,) = record["events"]
    assert encode_event(event_of(event)) == (bytes_of(record["key"]), bytes_of(record["value"]))


@pytest.mark.parametrize("record", examples("version_2.json"))
def test_sums_are_written_as_version_2(record: dict[str, Any]) -> None:
    """Byte for byte, too."""
    events = [event_of(event) for event in record["events"]]
    counts = {event.domain: event.count for event in events}
    assert list(encode_sums(events[0].kind, counts)) == [
        (bytes_of(record["key"]), bytes_of(record["value"]))
    ]


@given(counts=st.dictionaries(domains, st.integers(1, MAX_COUNT), max_size=3 * MAX_DOMAINS))
def test_encoded_sums_decode_to_themselves(counts: dict[DomainName, int]) -> None:
    """However many records they take, no domain is lost, doubled or in another order."""
    records = list(encode_sums(EventKind.BOUNCED, counts))
    assert [event for record in records for event in decode_events(*record)] == [
        Event(domain, EventKind.BOUNCED, count) for domain, count in counts.items()
    ]
    assert len(records) <= len(counts) // MAX_DOMAINS + 1


@pytest.mark.parametrize("record", examples("garbage.json"))
def test_garbage_is_refused_with_its_reason(record: dict[str, Any]) -> None:
    """A dead letter has the reason why it cannot be decoded."""
    with pytest.raises(UndecodableRecordError) as refusal:
        decode_events(bytes_of(record["key"]), bytes_of(record["value"]))
    assert record["reason"] in str(refusal.value)


def test_an_idempotency_key_may_be_an_explicit_nil() -> None:
    """A fourth field of nil means that there is no key."""
    (event,) = decode_events(b"example.com", b"\x94\x01\x00\x01\xc0")
    assert event.idempotency_key is None


@given(event=events)
def test_an_encoded_event_decodes_to_itself(event: Event) -> None:
    """No event changes on its way through the topic."""
    assert decode_events(*encode_event(event)) == [event]


@given(event=events)
def test_a_value_is_as_short_as_admission_assumes(event: Event) -> None:
    """A value has at most 80 bytes, with any count and key."""
    assert len(encode_event(event)[1]) <= 80


@settings(max_examples=500)
@given(key=st.binary(max_size=40), value=st.binary(max_size=40))
@example(key=b"example.com", value=b"\x94\x01\x00\x01\xa1\xff")
def test_no_bytes_crash_the_decoder(key: bytes, value: bytes) -> None:
    """Bytes that are not a record are undecodable, and raise no other error."""
    try:
        events = decode_events(key, value)
    except UndecodableRecordError:
        return
    assert [event.domain.encode() for event in events] == [key]


@settings(max_examples=500)
@given(event=events, position=st.integers(0, 200), byte=st.integers(0, 255))
def test_no_damaged_record_crashes_the_decoder(event: Event, position: int, byte: int) -> None:
    """A changed byte gives a record or an undecodable one, and no other error."""
    other = Event(DomainName("other.example"), event.kind, event.count, event.idempotency_key)
    sums = {event.domain: event.count, other.domain: 1}
    for key, value in (encode_event(event), *encode_sums(event.kind, sums)):
        check_damaged(key, value, position, byte)


def check_damaged(key: bytes, value: bytes, position: int, byte: int) -> None:
    """Decode *value* with one byte changed."""
    damaged = bytearray(value)
    damaged[position % len(value)] = byte
    try:
        assert all(1 <= e.count <= MAX_COUNT for e in decode_events(key, bytes(damaged)))
    except UndecodableRecordError as refusal:
        assert str(refusal)  # noqa: PT017 either is right


def test_the_published_schema_is_that_of_the_decoder() -> None:
    """``deploy/PRODUCERS.md`` shows it."""
    page = (Path(__file__).parents[4] / "deploy" / "PRODUCERS.md").read_text(encoding="utf-8")
    found = re.search(r"```json\n(.*?)```", page, re.DOTALL)
    assert found is not None
    shown = json.loads(found[1])
    assert shown == {
        "type": "object",
        "required": ["event"],
        "additionalProperties": False,
        "properties": {
            "event": {"enum": sorted(EventKind)},
            "count": {"type": "integer", "minimum": 1, "maximum": MAX_REPORTED, "default": 1},
            "id": {
                "type": ["string", "null"],
                "pattern": f"^{IDEMPOTENCY_KEY_PATTERN}$",
                "default": None,
            },
        },
    }
    assert set(shown["properties"]) == set(JsonValue.__struct_fields__)
