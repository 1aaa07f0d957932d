"""The sent events by domain, in little memory."""

from array import array
from pathlib import Path
from random import Random

import pytest

from tests.tools.load.sending.ledger_file import read_ledger, write_ledger
from tests.tools.load.streams.event import Kind, Outcome
from tests.tools.load.streams.stream import code_of
from tests.tools.load.verification.cells import Cells
from tests.tools.load.verification.ledger import Bounds, Ledger


def codes(*numbers: int, kind: Kind = Kind.DELIVERED) -> "array[int]":
    """Return the codes of events of domains."""
    return array("I", [code_of(number, kind) for number in numbers])


def merged(*ledgers: Ledger) -> Ledger:
    """Return the sum of the ledgers of several processes."""
    whole = Ledger()
    for ledger in ledgers:
        for outcome, piece in ledger.pieces():
            whole.add(outcome, piece)
    return whole


def test_events_are_recorded_by_domain_kind_and_outcome() -> None:
    """Unanswered events widen the bounds of their domain and kind, refused ones do not."""
    ledger = Ledger()
    ledger.accept(codes(0, 5, 5))
    ledger.record(codes(5), Outcome.UNANSWERED)
    ledger.record(codes(5, kind=Kind.BOUNCED), Outcome.ACCEPTED)
    ledger.record(codes(9), Outcome.REFUSED)
    assert ledger.expected(5) == (Bounds(2, 3), Bounds(1, 1))
    assert ledger.expected(0).delivered == Bounds(1, 1)
    assert ledger.expected(9) == (Bounds(0, 0), Bounds(0, 0))


def test_every_sent_domain_is_known() -> None:
    """Also one with only refused events, but none that was never sent."""
    ledger = Ledger(100)
    ledger.accept(codes(3, 3))
    ledger.record(codes(20_000, kind=Kind.BOUNCED), Outcome.UNANSWERED)
    ledger.record(codes(7, 30_000), Outcome.REFUSED)
    assert list(ledger.numbers()) == [3, 7, 20_000, 30_000]
    assert list(merged(ledger).numbers()) == [3, 7, 20_000, 30_000]


@pytest.mark.parametrize("typecode", ["B", "H"])
def test_a_count_may_outgrow_its_cell(typecode: str) -> None:
    """A dictionary keeps the overflow; sums of processes, too."""
    cells = Cells(typecode)  # type: ignore[arg-type]
    cells.count([4] * 200_000 + [5])
    other = Cells(typecode)  # type: ignore[arg-type]
    other.count([4] * 65_535 + [5])
    for piece in other.pieces():
        cells.add(piece)
    assert (cells.read(4), cells.read(5), cells.read(6)) == (265_535, 2, 0)
    assert [place for place, count in enumerate(cells.filled()) if count] == [4, 5]


def test_ledgers_of_several_processes_add_up() -> None:
    """The parent's bounds are those of all events together."""
    random, whole, parts = Random(1), Ledger(), [Ledger(400_000) for _ in range(3)]
    for _ in range(2_000):
        sent = array("I", [random.randrange(800_000)])
        outcome = random.choice(list(Outcome))
        whole.record(sent, outcome)
        random.choice(parts).record(sent, outcome)
    together = merged(*parts)
    assert together.numbers() == whole.numbers()
    assert all(together.expected(n) == whole.expected(n) for n in whole.numbers())


def test_a_ledger_comes_back_from_its_file(tmp_path: Path) -> None:
    """With the bounds of every domain, for a program that compares later."""
    ledger = Ledger()
    ledger.accept(codes(*[4] * 70_000, 300_000))
    ledger.record(codes(4, 9, kind=Kind.BOUNCED), Outcome.UNANSWERED)
    write_ledger(ledger, tmp_path / "ledger")
    found = read_ledger(tmp_path / "ledger")
    assert found.numbers() == ledger.numbers()
    assert all(found.expected(n) == ledger.expected(n) for n in ledger.numbers())


def test_a_domain_costs_four_bytes_and_nine_at_worst() -> None:
    """So ten processes and their parent need less than 1 GiB for ten million domains."""
    ledger = Ledger(1_000_000)
    last = codes(999_999)
    ledger.accept(last)
    assert ledger.nbytes == 4_000_000
    ledger.record(last, Outcome.UNANSWERED)
    ledger.record(last, Outcome.REFUSED)
    assert ledger.nbytes <= 9_000_000
    assert list(ledger.numbers()) == [999_999]
