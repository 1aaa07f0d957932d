"""How long each row is measured, and with how much."""

from dataclasses import dataclass

_DOMAINS = 10_000_000
_MINUTES = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """Durations and sizes of all rows."""

    quick: bool
    warm_up_seconds: float
    measure_seconds: float
    put_events: int
    bulk_events: int
    """The number of different events of rows 1 to 3."""
    topic_records: int
    """In the topic of row 4."""
    ledger_records: int
    stored_domains: int
    """Written for row 6."""
    exported_domains: int
    wide_domains: int
    probe_seconds: float
    """Of each try in rows 7 and 10."""
    hold_seconds: float
    """Of the last try, which counts."""
    search_tries: int
    most_growth_seconds: float
    """Of the worker's delay. Events wait up to a second before they are written; with few readings
    this looks like a change of the delay."""
    bursts: int
    """The domains whose change row 8 waits for."""
    lead_seconds: float
    """How much earlier than the first domain, and later than the last, row 8 has its load."""
    growth_domains: tuple[int, int, int]
    growth_records: int


NORMAL = Effort(
    quick=False,
    warm_up_seconds=3.0,
    measure_seconds=10.0,
    put_events=300_000,
    bulk_events=1_000_000,
    topic_records=2_000_000,
    ledger_records=1_000_000,
    stored_domains=20_000,
    exported_domains=500_000,
    wide_domains=1_000_000,
    probe_seconds=10.0,
    hold_seconds=60.0,
    search_tries=5,
    most_growth_seconds=0.5,
    bursts=300,
    lead_seconds=5.0,
    growth_domains=(1_000, 100_000, 1_000_000),
    growth_records=1_000_000,
)
QUICK = Effort(
    quick=True,
    warm_up_seconds=0.5,
    measure_seconds=1.5,
    put_events=20_000,
    bulk_events=100_000,
    topic_records=100_000,
    ledger_records=100_000,
    stored_domains=2_000,
    exported_domains=10_000,
    wide_domains=10_000,
    probe_seconds=2.0,
    hold_seconds=3.0,
    search_tries=2,
    most_growth_seconds=2.0,
    bursts=20,
    lead_seconds=2.0,
    growth_domains=(100, 1_000, 10_000),
    growth_records=10_000,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentLoad:
    """What row 13 runs."""

    domains: int = _DOMAINS
    minutes: float = _MINUTES
    rate: float = 60_000.0
    """Events per second; the one rate that is tried."""
    workers: int = 1
    kill: bool = False
    """Kill the last worker at four fifths of the time; needs another one."""

    @property
    def seconds(self) -> float:
        """How long events are sent."""
        return self.minutes * 60

    @property
    def whole(self) -> bool:
        """True if this is at least the load that has a goal."""
        return self.domains >= _DOMAINS and self.minutes >= _MINUTES


ASSIGNMENT = AssignmentLoad()
QUICK_ASSIGNMENT = AssignmentLoad(domains=20_000, minutes=0.2, rate=2_000.0)
