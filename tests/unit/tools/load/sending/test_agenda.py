"""When each shipment is due."""

from array import array

import pytest

from tests.tools.load.sending.agenda import Agenda
from tests.tools.load.streams.schedule import Shipment, Way

FIRST, SECOND = (Shipment(due, Way.PUT, array("I", [0])) for due in (0.0, 0.5))


def test_in_an_open_loop_each_shipment_has_its_time() -> None:
    """An overdue shipment keeps its due time."""
    agenda = Agenda(iter([FIRST, SECOND]), 100.0)
    assert agenda.due(99.9) is None
    assert agenda.due(103.0) == 100.0
    assert agenda.take() is FIRST
    assert agenda.due(100.4) is None
    assert agenda.seconds_until_due(100.4) == pytest.approx(0.1)
    assert agenda.due(103.0) == 100.5
    assert agenda.take() is SECOND
    assert agenda.over
    assert agenda.due(103.0) is None


def test_in_a_closed_loop_the_next_is_due_now_until_time_is_up() -> None:
    """Nothing leaves before the common start of all processes, or after the end."""
    agenda = Agenda(iter([FIRST] * 9), 100.0, closed_loop=True, duration_seconds=5.0)
    assert agenda.due(99.9) is None
    assert not agenda.over
    assert agenda.due(102.0) == 102.0
    assert agenda.take() is FIRST
    assert agenda.due(105.0) is None
    assert agenda.over
