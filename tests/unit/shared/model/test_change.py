"""Changes of status as records."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import UndecodableRecordError
from shared.model.change import Change, decode_change, encode_change
from shared.model.counter import Counters
from shared.model.domain import DomainName

COUNTS = st.integers(0, 2**63 - 1)


def value(*fields: object) -> bytes:
    """Return an array of *fields* as a record's value."""
    return msgspec.msgpack.encode(fields)


@given(COUNTS, COUNTS)
def test_an_encoded_change_decodes_to_itself(delivered: int, bounced: int) -> None:
    """With any counters."""
    change = Change(DomainName("example.com"), "events/3", Counters(delivered, bounced), 7)
    assert decode_change(*encode_change(change)) == change


def test_the_bytes_are_as_documented() -> None:
    """They stay in the topic: other versions must read them."""
    change = Change(DomainName("example.com"), "events/3", Counters(5, 1), 7)
    assert encode_change(change) == (b"example.com", value(1, "events/3", 5, 1, 7))


@pytest.mark.parametrize(
    ("key", "data"),
    [
        (None, value(1, "events/3", 5, 1, 7)),
        (b"example.com", None),
        (b"example.com", b"\xc1"),
        (b"example.com", value(2, "events/3", 5, 1, 7)),
        (b"example.com", value(1, "events/3", 5)),
        (b"example.com", value(1, "events/3", 5, 1, 7, 1)),
        (b"example.com", value(1, "events/3", -5, 1, 7)),
        (b"example.com", value(1, "events/3", 5, -1, 7)),
        (b"Example.com", value(1, "events/3", 5, 1, 7)),
        (b"\xff", value(1, "events/3", 5, 1, 7)),
        (b"nothing", value(1, "events/3", 5, 1, 7)),
    ],
)
def test_an_undecodable_change_is_refused(key: bytes | None, data: bytes | None) -> None:
    """Another version, another spelling, counts below zero, garbage."""
    with pytest.raises(UndecodableRecordError):
        decode_change(key, data)
