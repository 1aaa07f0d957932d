"""The events by which a worker's growth is measured."""

from tests.tools.bench.rows.growth import in_turn
from tests.tools.load.streams.event import Kind


def test_each_domain_has_its_turn() -> None:
    """Five events over three domains: the first two come a second time."""
    events = list(in_turn(3, 5))
    assert [event.number for event in events] == [0, 1, 2, 0, 1]
    assert len({event.name for event in events}) == 3
    assert events[0].name == events[3].name
    assert {event.kind for event in events} == {Kind.DELIVERED}
