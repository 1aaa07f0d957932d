"""Recording outcomes by the second."""

from array import array

from tests.tools.load.measurement.second import Second
from tests.tools.load.measurement.series import Series
from tests.tools.load.sending.answers import ACCEPTED, Fate, Reply
from tests.tools.load.sending.book import Book
from tests.tools.load.streams.event import Outcome
from tests.tools.load.streams.schedule import Shipment, Way
from tests.tools.load.verification.ledger import Ledger

BEGAN = 1_000.0
BULK = Shipment(0.0, Way.BULK, array("I", [0, 2, 4, 6]))


def test_each_line_has_its_own_outcome() -> None:
    """Some lines may be accepted, others refused or unanswered."""
    ledger = Ledger()
    book = Book(ledger, BEGAN)
    lines = {2: Fate(Outcome.REFUSED, "invalid_line"), 4: Fate(Outcome.UNANSWERED, "unknown")}
    book.settle(BULK, Reply(ACCEPTED, lines), BEGAN, BEGAN + 0.5)
    assert [ledger.expected(n).delivered for n in range(4)] == [(1, 1), (0, 0), (1, 1), (0, 1)]
    (second,) = book.drain()
    assert (second.accepted, second.refused_by, second.unanswered_by) == (
        2,
        {"invalid_line": 1},
        {"unknown": 1},
    )
    assert second.latencies == {Way.BULK: {499_968: 1}}


def test_events_are_recorded_in_their_second() -> None:
    """Offered when due, sent when they leave, accepted when answered."""
    book = Book(Ledger(), BEGAN)
    book.leave(BULK, BEGAN + 0.9, BEGAN + 1.1)
    book.accept(BULK, BEGAN + 0.9, BEGAN + 2.4)
    seconds = {second.second: second for second in book.drain()}
    assert (seconds[0].offered, seconds[1].sent, seconds[2].accepted) == (4, 4, 4)
    assert book.last_accepted == BEGAN + 2.4
    assert book.drain() == []


def test_the_same_second_of_several_processes_adds_up() -> None:
    """Rates and percentiles are of all processes together."""
    series = Series()
    series.add([Second(3, 10, 9, 8, {"a": 1}, {}, {Way.PUT: {1_000: 99}}, {0: 9})])
    series.add([Second(3, 10, 9, 8, {"a": 2}, {"b": 5}, {Way.BULK: {9_000: 1}}, {7: 1})])
    row = series.row(3)
    assert (row.offered, row.sent, row.accepted, row.refused, row.unanswered) == (20, 18, 16, 3, 5)
    assert (row.p50_ms, row.p99_ms, row.max_ms) == (1.0, 1.0, 9.0)
    assert series.settled == 24
    assert [row.second for row in series.rows()] == [0, 1, 2, 3]
    assert series.latencies()[Way.PUT].requests == 99
    assert [(p.share, p.ms) for p in series.curve()][-1] == (1.0, 9.0)
