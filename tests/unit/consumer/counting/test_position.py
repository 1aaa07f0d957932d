"""The position that is committed for a partition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.counting.position import Position

OFFSETS = st.integers(0, 2**63 - 1)


@given(one=OFFSETS, other=OFFSETS)
def test_a_committed_position_is_read_back(one: int, other: int) -> None:
    """The metadata restores the whole position."""
    position = Position(max(one, other), min(one, other))
    assert Position.parse(position.next_offset, position.metadata()) == position


def test_without_keys_reading_starts_where_counting_starts() -> None:
    """Nothing is read again."""
    assert Position.at(7) == Position(7, 7)


@pytest.mark.parametrize(
    "text", ["", "keys-from=", "keys-from=-1", "keys-from=9", "keys-from=5 ", "from=5", "5"]
)
def test_foreign_metadata_is_not_accepted(text: str) -> None:
    """A text of another program has no keys; neither has an offset above the committed one."""
    assert Position.parse(8, text) is None
