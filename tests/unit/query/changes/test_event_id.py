"""Where a reader of changes is, as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.changes.event_id import format_id, parse_id, reaches, widen
from shared.errors import InputError
from shared.problems import Problem

OFFSETS = st.lists(st.integers(0, 2**60 - 1), min_size=1, max_size=64).map(tuple)


@given(OFFSETS)
def test_what_was_said_is_understood(offsets: tuple[int, ...]) -> None:
    """Whatever the offsets are."""
    assert parse_id(format_id(offsets)) == offsets


@given(st.text(alphabet="0123456789abcdefABCDEF.,:- \n٣", max_size=40))
def test_text_that_is_understood_has_one_spelling(text: str) -> None:
    """Else it is refused."""
    try:
        offsets = parse_id(text)
    except InputError as error:
        assert error.problem is Problem.INVALID_LAST_EVENT_ID  # noqa: PT017 both outcomes are right
    else:
        assert format_id(offsets) == text


def test_the_text_is_as_documented() -> None:
    """Clients keep it over a change of version."""
    assert format_id((31, 0, 58)) == "1f.0.3a"


@pytest.mark.parametrize("text", ["", ".", "1.", ".1", "01", "+1", "1F", "1..2", "f" * 16])
def test_what_no_node_has_said_is_refused(text: str) -> None:
    """Empty parts, leading zeros, signs, capitals, and numbers that no offset reaches."""
    with pytest.raises(InputError):
        parse_id(text)


def test_a_place_is_reached_when_every_partition_is() -> None:
    """One that is further in another partition does not make up for it."""
    assert reaches((3, 5), (3, 5))
    assert reaches((3, 5, 0), (3, 4))
    assert not reaches((9, 4), (3, 5))
    assert not reaches((3, 5), (3, 5, 0))


def test_a_partition_that_came_later_is_read_from_its_beginning() -> None:
    """An id of the time before it names none of its offsets."""
    assert widen((3, 5), 4) == (3, 5, 0, 0)
    assert widen((3, 5), 1) == (3, 5)
