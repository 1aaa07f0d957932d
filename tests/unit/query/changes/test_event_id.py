"""A reader's position as the id of an event."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.changes.event_id import format_id, parse_id, reaches, widen
from shared.errors import InputError
from shared.problems import Problem

OFFSETS = st.lists(st.integers(0, 2**60 - 1), min_size=1, max_size=64).map(tuple)


@given(OFFSETS)
def test_an_id_is_parsed_into_the_same_offsets(offsets: tuple[int, ...]) -> None:
    """For any offsets."""
    assert parse_id(format_id(offsets)) == offsets


@given(st.text(alphabet="0123456789abcdefABCDEF.,:- \n٣", max_size=40))
def test_an_id_has_one_spelling(text: str) -> None:
    """Any other text is refused."""
    try:
        offsets = parse_id(text)
    except InputError as error:
        assert error.problem is Problem.INVALID_LAST_EVENT_ID  # noqa: PT017 both outcomes are right
    else:
        assert format_id(offsets) == text


def test_the_text_is_as_documented() -> None:
    """Clients keep ids across an upgrade of the nodes."""
    assert format_id((31, 0, 58)) == "1f.0.3a"


@pytest.mark.parametrize("text", ["", ".", "1.", ".1", "01", "+1", "1F", "1..2", "f" * 16])
def test_text_that_is_not_an_id_is_refused(text: str) -> None:
    """Empty parts, leading zeros, signs, capitals, and numbers above every offset."""
    with pytest.raises(InputError):
        parse_id(text)


def test_a_position_is_reached_when_every_partition_is() -> None:
    """A larger offset of another partition does not make up for a smaller one."""
    assert reaches((3, 5), (3, 5))
    assert reaches((3, 5, 0), (3, 4))
    assert not reaches((9, 4), (3, 5))
    assert not reaches((3, 5), (3, 5, 0))


def test_a_new_partition_is_read_from_its_beginning() -> None:
    """Older ids have no offset for it."""
    assert widen((3, 5), 4) == (3, 5, 0, 0)
    assert widen((3, 5), 1) == (3, 5)
