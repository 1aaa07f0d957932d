"""Record the outcome of every request: in the ledger, and by the second. No I/O and no clock."""

from array import array

from tests.tools.load.measurement.latency import record
from tests.tools.load.measurement.second import Second
from tests.tools.load.sending.answers import Reply
from tests.tools.load.streams.event import Outcome
from tests.tools.load.streams.schedule import Shipment
from tests.tools.load.streams.stream import CODE
from tests.tools.load.verification.ledger import Ledger

MAX_BREACHES = 20


class Book:
    """The events that a process sent since *began*. All times here are of ``perf_counter``."""

    def __init__(self, ledger: Ledger, began: float) -> None:
        self.breaches: list[str] = []
        self.last_accepted: float | None = None
        self._ledger = ledger
        self._began = began
        self._seconds: dict[int, Second] = {}
        self._present = Second(-1)

    def leave(self, shipment: Shipment, due: float, now: float) -> None:
        """Record that *shipment* was sent."""
        events = len(shipment.codes)
        second = self._at(now)
        second.sent += events
        record(second.start_lags, now - due)
        self._at(due).offered += events

    def accept(self, shipment: Shipment, due: float, now: float) -> None:
        """Record that all of *shipment* was accepted."""
        self._ledger.accept(shipment.codes)
        self._accepted(shipment, len(shipment.codes), due, now)

    def settle(self, shipment: Shipment, reply: Reply, due: float, now: float) -> None:
        """Record the outcome of each event of *shipment*."""
        codes: dict[tuple[Outcome, str], array[int]] = {}
        for line, code in enumerate(shipment.codes, start=1):
            fate = reply.lines.get(line, reply.fate)
            codes.setdefault(fate, array(CODE)).append(code)
        second = self._at(now)
        for (outcome, reason), shared in codes.items():
            self._ledger.record(shared, outcome)
            match outcome:
                case Outcome.ACCEPTED:
                    self._accepted(shipment, len(shared), due, now)
                case Outcome.REFUSED:
                    second.refused_by[reason] = second.refused_by.get(reason, 0) + len(shared)
                case Outcome.UNANSWERED:
                    given_up = second.unanswered_by
                    given_up[reason] = given_up.get(reason, 0) + len(shared)
        if reply.breach:
            self.breach(f"{shipment.way}: {reply.breach}")

    def breach(self, how: str) -> None:
        """Record a violation of the API."""
        if len(self.breaches) < MAX_BREACHES:
            self.breaches.append(how)

    def drain(self) -> list[Second]:
        """Return the seconds recorded since the previous call."""
        seconds = list(self._seconds.values())
        self._seconds.clear()
        self._present = Second(-1)
        return seconds

    def _accepted(self, shipment: Shipment, events: int, due: float, now: float) -> None:
        second = self._at(now)
        second.accepted += events
        record(second.latencies.setdefault(shipment.way, {}), now - due)
        self.last_accepted = now

    def _at(self, moment: float) -> Second:
        number = int(moment - self._began)
        if number == self._present.second:
            return self._present
        number = max(0, number)
        if number not in self._seconds:
            self._seconds[number] = Second(number)
        self._present = self._seconds[number]
        return self._present
