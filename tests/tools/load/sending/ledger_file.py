"""Keep a ledger in a file, for a program that compares the counts later."""

from pathlib import Path

from tests.tools.load.sending import frames
from tests.tools.load.verification.ledger import Ledger


def write_ledger(ledger: Ledger, file: Path) -> None:
    """Write all counts of *ledger*, as a sending process would send them."""
    with file.open("wb") as target:
        for outcome, piece in ledger.pieces():
            frames.write(frames.Entries(outcome, piece), target)


def read_ledger(file: Path) -> Ledger:
    """Return the ledger that ``write_ledger`` wrote."""
    ledger = Ledger()
    with file.open("rb") as source:
        while True:
            try:
                message = frames.read(source)
            except EOFError:
                return ledger
            assert isinstance(message, frames.Entries)
            ledger.add(message.outcome, message.piece)
