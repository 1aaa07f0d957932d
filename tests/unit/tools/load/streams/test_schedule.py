"""The schedule of a run."""

from array import array
from collections.abc import Iterator
from random import Random

import pytest

from tests.tools.load.options import LoadOptions, Mode
from tests.tools.load.streams.schedule import Share, Shipment, Way, schedule
from tests.tools.load.streams.waves_stream import WavesStream


def codes(count: int) -> "array[int]":
    """Return the first events of a workload."""
    return WavesStream(7).take(count)


def plan(
    mode: Mode, events: int | None, share: Share = Share(), rate: float = 100.0
) -> Iterator[Shipment]:
    """Return the requests for the first events."""
    return schedule(
        WavesStream(7),
        events=events,
        rate=rate,
        mode=mode,
        bulk_lines=10,
        put_share=0.5,
        random=Random(7),
        share=share,
    )


def test_a_put_is_due_when_its_event_is() -> None:
    """Event i is due i / rate seconds after the start."""
    sent = codes(1_203)
    planned = list(plan(Mode.PUT, 1_203))
    assert [shipment.codes for shipment in planned] == [array("I", [code]) for code in sent]
    assert [shipment.due_seconds for shipment in planned] == pytest.approx(
        [index / 100 for index in range(1_203)]
    )


def test_a_bulk_request_is_due_when_its_last_event_is() -> None:
    """A request waits until it is full; the last one has the remaining events."""
    sent = codes(25)
    planned = list(plan(Mode.BULK, 25))
    assert [shipment.codes for shipment in planned] == [sent[:10], sent[10:20], sent[20:]]
    assert [s.due_seconds for s in planned] == pytest.approx([0.09, 0.19, 0.24])


def test_mixed_mode_sends_each_event_once_and_half_of_them_either_way() -> None:
    """No event is lost or doubled between the routes, and due times never decrease."""
    shipments = list(plan(Mode.MIXED, 20_000))
    assert sorted(code for s in shipments for code in s.codes) == sorted(codes(20_000))
    by_put = sum(s.way is Way.PUT for s in shipments)
    assert by_put / 20_000 == pytest.approx(0.5, abs=0.02)
    dues = [s.due_seconds for s in shipments]
    assert dues == sorted(dues)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_the_shares_of_all_processes_are_the_schedule(mode: Mode, processes: int) -> None:
    """Exactly one process sends each request, whatever their number."""
    shares = [list(plan(mode, 4_321, Share(n, processes))) for n in range(processes)]
    together = sorted((s.due_seconds, s.way, s.codes.tolist()) for share in shares for s in share)
    alone = sorted((s.due_seconds, s.way, s.codes.tolist()) for s in plan(mode, 4_321))
    assert together == alone
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"events": 0},
        {"rate": -1.0},
        {"events": None},
        {"events": None, "rate": 0.0},
        {"connections": 0},
        {"processes": 0},
        {"processes": 65},
        {"bulk_lines": 0},
        {"bulk_lines": 5_001},
        {"put_share": 1.1},
        {"bounce_share": -0.1},
        {"domains": 0},
        {"exponent": 0.0},
        {"ingest": ()},
        {"query": ()},
    ],
)
def test_senseless_options_are_refused(wrong: dict[str, object]) -> None:
    """A run without events, end, nodes, connections or lines is a mistake."""
    with pytest.raises(ValueError, match=r".+\."):
        LoadOptions(seed=1, **wrong)  # type: ignore[arg-type]
