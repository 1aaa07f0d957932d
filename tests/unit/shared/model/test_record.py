"""The codec of the topic's records, against kept examples of every version."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.errors import UndecodableRecordError
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.record import MAX_COUNT, decode_event, encode_event

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
    st.none() | st.text([chr(code) for code in range(0x21, 0x7F)], min_size=1, max_size=64),
)


@pytest.mark.parametrize("record", examples("version_1.json"))
def test_records_of_version_1_stay_readable(record: dict[str, Any]) -> None:
    """What was ever written decodes to what it said then."""
    assert decode_event(bytes_of(record["key"]), bytes_of(record["value"])) == event_of(
        record["event"]
    )


@pytest.mark.parametrize("record", examples("version_1.json"))
def test_records_are_written_as_version_1(record: dict[str, Any]) -> None:
    """What is written is, byte for byte, what older workers can read."""
    assert encode_event(event_of(record["event"])) == (
        bytes_of(record["key"]),
        bytes_of(record["value"]),
    )


@pytest.mark.parametrize("record", examples("garbage.json"))
def test_garbage_is_refused_with_its_reason(record: dict[str, Any]) -> None:
    """Whoever looks at a dead letter reads what is wrong with it."""
    with pytest.raises(UndecodableRecordError) as refusal:
        decode_event(bytes_of(record["key"]), bytes_of(record["value"]))
    assert record["reason"] in str(refusal.value)


def test_an_idempotency_key_of_nothing_may_be_spelt_out() -> None:
    """A fourth field of nil is no key."""
    assert decode_event(b"example.com", b"\x94\x01\x00\x01\xc0").idempotency_key is None


@settings(deadline=None)
@given(event=events)
def test_what_is_encoded_decodes_to_itself(event: Event) -> None:
    """No event changes on its way through the topic."""
    assert decode_event(*encode_event(event)) == event


@settings(deadline=None)
@given(event=events)
def test_a_value_is_as_short_as_admission_reckons(event: Event) -> None:
    """A value has at most 80 bytes, whatever the count and the key of a report."""
    assert len(encode_event(event)[1]) <= 80


@settings(deadline=None, max_examples=500)
@given(key=st.binary(max_size=40), value=st.binary(max_size=40))
@example(key=b"example.com", value=b"\x94\x01\x00\x01\xa1\xff")
def test_no_bytes_bring_the_decoder_down(key: bytes, value: bytes) -> None:
    """Anything that is no record is undecodable, never another error."""
    try:
        event = decode_event(key, value)
    except UndecodableRecordError:
        return
    assert event.domain.encode() == key


@settings(deadline=None, max_examples=500)
@given(event=events, position=st.integers(0, 200), byte=st.integers(0, 255))
def test_no_damaged_record_brings_the_decoder_down(event: Event, position: int, byte: int) -> None:
    """One byte changed gives a record or an undecodable one, never another error."""
    key, value = encode_event(event)
    damaged = bytearray(value)
    damaged[position % len(value)] = byte
    try:
        assert 1 <= decode_event(key, bytes(damaged)).count <= MAX_COUNT
    except UndecodableRecordError as refusal:
        assert str(refusal)  # noqa: PT017 either is right
