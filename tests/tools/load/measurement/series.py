"""A run by the second, and as a whole. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from tests.tools.load.measurement.latency import Latency, Stopwatch
from tests.tools.load.measurement.second import Second
from tests.tools.load.streams.schedule import Way

CURVE = (0.0, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 0.99999)
"""The shares of the percentile curve; a report omits those too fine for its number of requests."""


@dataclass(frozen=True, slots=True)
class SecondRow:
    """One second of a report: events, and the milliseconds of accepted requests."""

    second: int
    offered: int
    sent: int
    accepted: int
    refused: int
    unanswered: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Percentile:
    """The time within which a share of the requests was answered."""

    share: float
    ms: float


class Series:
    """The seconds of a run, merged from several processes."""

    def __init__(self) -> None:
        self._seconds: dict[int, Second] = {}
        self._watches = {way: Stopwatch() for way in Way}
        self._start_lags = Stopwatch()
        self.accepted = 0
        self.refused_by = Counter[str]()
        self.unanswered_by = Counter[str]()
        self.newest = -1

    @property
    def refused(self) -> int:
        """The number of refused events."""
        return self.refused_by.total()

    @property
    def unanswered(self) -> int:
        """The number of unanswered events."""
        return self.unanswered_by.total()

    @property
    def settled(self) -> int:
        """The number of events with a known outcome."""
        return self.accepted + self.refused + self.unanswered

    def add(self, seconds: Iterable[Second]) -> None:
        """Add seconds from a process."""
        for second in seconds:
            self.accepted += second.accepted
            self.refused_by.update(second.refused_by)
            self.unanswered_by.update(second.unanswered_by)
            self._start_lags.add(second.start_lags)
            for way, buckets in second.latencies.items():
                self._watches[way].add(buckets)
            self._seconds.setdefault(second.second, Second(second.second)).add(second)
            self.newest = max(self.newest, second.second)

    def row(self, number: int) -> SecondRow:
        """Return second *number*."""
        second = self._seconds.get(number) or Second(number)
        watch = Stopwatch()
        for buckets in second.latencies.values():
            watch.add(buckets)
        read = watch.read()
        return SecondRow(
            number,
            second.offered,
            second.sent,
            second.accepted,
            second.refused,
            second.unanswered,
            read.p50_ms,
            read.p95_ms,
            read.p99_ms,
            read.max_ms,
        )

    def rows(self) -> list[SecondRow]:
        """Return every second, including the empty ones."""
        return [self.row(number) for number in range(self.newest + 1)]

    def latencies(self) -> dict[Way, Latency]:
        """Return the latencies for each route with an accepted request."""
        return {way: read for way, w in self._watches.items() if (read := w.read()).requests}

    def start_lag(self) -> Latency:
        """Return the delays between due and sent."""
        return self._start_lags.read()

    def curve(self) -> list[Percentile]:
        """Return the percentiles of all accepted requests, as fine as their number allows."""
        watch = Stopwatch()
        for way in self._watches.values():
            watch.add_all(way)
        requests = watch.read().requests
        shares = [share for share in CURVE if requests * (1 - share) >= 1] + [1.0]
        found = watch.percentiles_ms(shares) if requests else []
        return [Percentile(*pair) for pair in zip(shares, found, strict=False)]
