"""The limits of an event's fields."""

import pytest

from shared.errors import InvalidEventError
from shared.model.domain import DomainName
from shared.model.event import (
    MAX_COUNT,
    Event,
    EventKind,
    parse_count,
    parse_idempotency_key,
    parse_kind,
)
from shared.problems import Problem


@pytest.mark.parametrize("kind", EventKind)
def test_a_kind_has_one_spelling(kind: EventKind) -> None:
    """Each kind is named by its value."""
    assert parse_kind(kind.value) is kind


@pytest.mark.parametrize("text", ["", "Delivered", "DELIVERED", " bounced", "bounce", "opened"])
def test_no_other_kind_is_accepted(text: str) -> None:
    """A text that is not exactly a kind is refused."""
    with pytest.raises(InvalidEventError) as refusal:
        parse_kind(text)
    assert refusal.value.problem is Problem.UNKNOWN_EVENT


@pytest.mark.parametrize("count", [1, 2, MAX_COUNT])
def test_counts_within_bounds_are_accepted(count: int) -> None:
    """One report may stand for one to a million events."""
    assert parse_count(count) == count


@pytest.mark.parametrize("count", [0, -1, MAX_COUNT + 1, 2**63])
def test_counts_out_of_bounds_are_refused(count: int) -> None:
    """Zero, a negative count and a too large one are refused."""
    with pytest.raises(InvalidEventError) as refusal:
        parse_count(count)
    assert refusal.value.problem is Problem.INVALID_COUNT


@pytest.mark.parametrize("key", ["!", "~", "a" * 255, "0b1c-44:x/y"])
def test_visible_ascii_is_a_key(key: str) -> None:
    """Any 1 to 255 visible characters are valid."""
    assert parse_idempotency_key(key) == key


@pytest.mark.parametrize(
    "key", ["", "a" * 256, "a b", " a", "a\n", "a\x7f", "\x00", "é", "a\u200b", "\udc80"]
)
def test_other_keys_are_refused(key: str) -> None:
    """No spaces, no control characters, nothing beyond ASCII, and no more than 255."""
    with pytest.raises(InvalidEventError) as refusal:
        parse_idempotency_key(key)
    assert refusal.value.problem is Problem.INVALID_KEY


def test_an_event_is_one_outcome_without_a_key_by_default() -> None:
    """The plain report stands for one event."""
    event = Event(DomainName("a.example"), EventKind.BOUNCED)
    assert (event.count, event.idempotency_key) == (1, None)
