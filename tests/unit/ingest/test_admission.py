"""How many events and bytes a node admits."""

import pytest

from ingest.admission import Admission, Reservation
from shared.errors import NodeFullError


def test_events_up_to_the_limits_are_admitted() -> None:
    """Both limits may be reached exactly."""
    admission = Admission(max_events=3, max_bytes=100)
    admission.admit(2, 60)
    admission.admit(1, 40)
    assert (admission.events, admission.bytes) == (3, 100)


@pytest.mark.parametrize(("events", "size_bytes"), [(2, 0), (1, 41), (2, 41)])
def test_events_beyond_either_limit_are_refused(events: int, size_bytes: int) -> None:
    """One event or one byte too many, and nothing is reserved."""
    admission = Admission(max_events=3, max_bytes=100)
    admission.admit(2, 60)
    with pytest.raises(NodeFullError):
        admission.admit(events, size_bytes)
    assert (admission.events, admission.bytes) == (2, 60)


def test_answered_events_free_their_room() -> None:
    """A refusal lasts only while the node is full."""
    admission = Admission(max_events=3, max_bytes=100)
    admission.admit(3, 100)
    admission.release(1, 30)
    admission.admit(1, 30)
    assert (admission.events, admission.bytes) == (3, 100)


def test_a_request_frees_its_room_however_it_ends() -> None:
    """Also what it had reserved before it reached the limit."""
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
