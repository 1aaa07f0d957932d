"""How much a node takes in hand."""

import pytest

from ingest.admission import Admission, Reservation
from shared.errors import NodeFullError


def test_as_much_as_the_bounds_say_is_admitted() -> None:
    """Both bounds may be reached exactly."""
    admission = Admission(max_events=3, max_bytes=100)
    admission.admit(2, 60)
    admission.admit(1, 40)
    assert (admission.events, admission.bytes) == (3, 100)


@pytest.mark.parametrize(("events", "size_bytes"), [(2, 0), (1, 41), (2, 41)])
def test_more_than_either_bound_is_refused(events: int, size_bytes: int) -> None:
    """One event or one byte too much, and nothing is taken in hand."""
    admission = Admission(max_events=3, max_bytes=100)
    admission.admit(2, 60)
    with pytest.raises(NodeFullError):
        admission.admit(events, size_bytes)
    assert (admission.events, admission.bytes) == (2, 60)


def test_what_is_answered_makes_room() -> None:
    """A refusal lasts only as long as the node is full."""
    admission = Admission(max_events=3, max_bytes=100)
    admission.admit(3, 100)
    admission.release(1, 30)
    admission.admit(1, 30)
    assert (admission.events, admission.bytes) == (3, 100)


def test_what_a_request_holds_is_given_back_however_it_ends() -> None:
    """Also what it held when the bound was reached."""
    admission = Admission(max_events=3, max_bytes=100)

    def hold_too_much() -> None:
        with Reservation(admission) as reservation:
            reservation.extend(size_bytes=60)
            reservation.extend(events=2, size_bytes=10)
            assert (admission.events, admission.bytes) == (2, 70)
            reservation.extend(events=2)

    with pytest.raises(NodeFullError):
        hold_too_much()
    assert (admission.events, admission.bytes) == (0, 0)
