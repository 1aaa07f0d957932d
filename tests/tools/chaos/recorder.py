"""One clock and one history for all parts of a run."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from tests.tools.chaos.history import Fault, HistoryWriter, Line

Report = Callable[[str], None]


class Recorder:
    """The history of the present run, and its clock."""

    def __init__(self, writer: HistoryWriter, report: Report) -> None:
        self.write: Callable[[Line], None] = writer.write
        self._report = report
        self._began = time.monotonic()
        self._ids = count(1)

    def now(self) -> float:
        """Return the seconds since the run began."""
        return round(time.monotonic() - self._began, 4)

    def report(self, text: str) -> None:
        """Print *text* with the time."""
        self._report(f"{self.now():7.1f}  {text}")

    def begin(self, kind: str, target: str, detail: str = "") -> "OpenFault":
        """Record that a fault begins."""
        number = next(self._ids)
        self.write(
            Fault(t=self.now(), id=number, kind=kind, target=target, phase="begin", detail=detail)
        )
        self.report(f"{kind} {target} {detail}".rstrip())
        return OpenFault(self, number, kind, target)


class OpenFault:
    """A fault that lasts."""

    def __init__(self, recorder: Recorder, number: int, kind: str, target: str) -> None:
        self._recorder = recorder
        self._number = number
        self._kind = kind
        self._target = target

    def end(self, detail: str = "") -> None:
        """Record that it has ended."""
        self._recorder.write(
            Fault(
                t=self._recorder.now(),
                id=self._number,
                kind=self._kind,
                target=self._target,
                phase="end",
                detail=detail,
            )
        )


@contextmanager
def open_recorder(path: Path, report: Report) -> Iterator[Recorder]:
    """Yield a recorder whose clock starts now."""
    with HistoryWriter(path) as writer:
        yield Recorder(writer, report)
