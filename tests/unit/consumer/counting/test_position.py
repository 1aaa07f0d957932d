"""Where a log is read on, as it stands beside the committed offset."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.counting.position import Position

OFFSETS = st.integers(0, 2**63 - 1)


@given(one=OFFSETS, other=OFFSETS)
def test_what_is_committed_is_what_is_found(one: int, other: int) -> None:
    """The text beside the offset brings the position back whole."""
    position = Position(max(one, other), min(one, other))
    assert Position.parse(position.next_offset, position.metadata()) == position


def test_without_keys_reading_begins_where_counting_does() -> None:
    """Nothing needs to be read again."""
    assert Position.at(7) == Position(7, 7)


@pytest.mark.parametrize(
    "text", ["", "keys-from=", "keys-from=-1", "keys-from=9", "keys-from=5 ", "from=5", "5"]
)
def test_a_text_of_another_is_not_taken_for_ours(text: str) -> None:
    """What somebody else committed says nothing of keys, nor does a later offset than its own."""
    assert Position.parse(8, text) is None
