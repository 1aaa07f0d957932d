"""The schedule of a run."""

from collections.abc import Iterator
from itertools import islice
from random import Random

import pytest

from tests.load.event import Event
from tests.load.options import LoadOptions, Mode
from tests.load.schedule import Shipment, Way, schedule
from tests.load.waves import Waves


def events(count: int) -> list[Event]:
    """Return the first events of a workload."""
    return list(islice(Waves(7).events(), count))


def plan(mode: Mode, sent: list[Event], lines: int = 10) -> Iterator[Shipment]:
    """Return the requests for *sent* at 100 events/s."""
    return schedule(sent, rate=100.0, mode=mode, bulk_lines=lines, random=Random(7))


def test_a_put_is_due_when_its_event_is() -> None:
    """Event i is due i / rate seconds after the start."""
    sent = events(5)
    assert list(plan(Mode.PUT, sent)) == [
        Shipment(index / 100, Way.PUT, (event,)) for index, event in enumerate(sent)
    ]


def test_a_bulk_request_is_due_when_its_last_event_is() -> None:
    """A request waits until it is full; the last one takes what is left."""
    sent = events(25)
    assert list(plan(Mode.BULK, sent)) == [
        Shipment(0.09, Way.BULK, tuple(sent[:10])),
        Shipment(0.19, Way.BULK, tuple(sent[10:20])),
        Shipment(0.24, Way.BULK, tuple(sent[20:])),
    ]


def test_mixed_mode_sends_each_event_once_and_half_of_them_either_way() -> None:
    """No event is lost or doubled between the two ways, and due times never go back."""
    sent = events(20_000)
    shipments = list(plan(Mode.MIXED, sent))
    assert sorted(event for s in shipments for event in s.events) == sorted(sent)
    by_put = sum(s.way is Way.PUT for s in shipments)
    assert by_put / len(sent) == pytest.approx(0.5, abs=0.02)
    dues = [s.due_seconds for s in shipments]
    assert dues == sorted(dues)


def test_mixed_mode_mixes_within_each_domain() -> None:
    """Deliveries and bounces of every domain travel both ways."""
    ways: dict[int, set[Way]] = {}
    for shipment in plan(Mode.MIXED, events(2_000)):
        for event in shipment.events:
            ways.setdefault(event.number, set()).add(shipment.way)
    assert all(taken == set(Way) for taken in ways.values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"events": 0},
        {"rate": 0.0},
        {"connections": 0},
        {"bulk_lines": 0},
        {"bulk_lines": 5_001},
        {"ingest": ()},
        {"query": ()},
    ],
)
def test_options_that_cannot_be_meant_are_refused(wrong: dict[str, object]) -> None:
    """A run without events, rate, nodes or lines is a mistake."""
    with pytest.raises(ValueError, match=r".+\."):
        LoadOptions(seed=1, **wrong)  # type: ignore[arg-type]
