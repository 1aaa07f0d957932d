"""The options of a run."""

from dataclasses import dataclass
from enum import StrEnum

MAX_BULK_LINES = 5_000
"""The contract's limit on the lines of a bulk request."""
MOST_DOMAINS = 100_000_000

DEFAULT_INGEST = ("http://127.0.0.1:8080",)
DEFAULT_QUERY = ("http://127.0.0.1:8081",)
DEFAULT_WORKERS = ("http://127.0.0.1:9082",)


class Mode(StrEnum):
    """How events are sent: one per request, many per request, or both."""

    PUT = "put"
    BULK = "bulk"
    MIXED = "mixed"


class Profile(StrEnum):
    """The workload: domains that come one after the other, or many that recur."""

    WAVES = "waves"
    WIDE = "wide"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """The options of one run. The defaults fit ``make run``."""

    seed: int
    """A second run with the same seed sends the same domains, so it needs an empty system."""
    ingest: tuple[str, ...] = DEFAULT_INGEST
    query: tuple[str, ...] = DEFAULT_QUERY
    worker_management: tuple[str, ...] = ()
    """The management addresses of the workers; the live view shows their lag."""
    profile: Profile = Profile.WAVES
    domains: int = 1_000_000
    """For the profile ``wide``, like the next two."""
    exponent: float | None = None
    """Of Zipf's law; None: all domains are equally frequent."""
    bounce_share: float = 0.01
    """The share of the domains that bounce."""
    events: int | None = 50_000
    """None: until ``duration_seconds`` are over; allowed only in a closed loop."""
    duration_seconds: float | None = None
    rate: float = 2_000.0
    """Events due per second; 0: as fast as the answers arrive."""
    mode: Mode = Mode.MIXED
    put_share: float = 0.5
    """The share of events by PUT in mixed mode. A PUT costs this client 100 times as much as a
    line."""
    bulk_lines: int = 500
    connections: int = 64
    """Also the maximum of requests in flight. The ingest nodes share them evenly."""
    processes: int = 1
    """Processes that send; each has its share of the connections."""
    ceiling: bool = False
    """Measure first how fast this client is against a server that answers at once."""
    request_timeout_seconds: float = 10.0
    verify_timeout_seconds: float = 60.0
    settle_seconds: float = 1.0
    """When every count is right, wait this long and compare all again: a duplicate arrives late."""

    ledger_file: str = ""
    """Set: write into this file what was sent, and compare nothing. Then the system may know the
    domains already."""

    def __post_init__(self) -> None:
        """Raise ValueError for a combination that makes no sense."""
        if not self.ingest or not self.query:
            raise ValueError("Name at least one ingest node and one query node.")
        if self.rate < 0 or (self.events is not None and self.events < 1):
            raise ValueError("Events must be positive, and the rate 0 or positive.")
        if self.events is None and (self.rate or not self.duration_seconds):
            raise ValueError("A run without a rate needs a number of events or a duration.")
        if not 1 <= self.processes <= self.connections:
            raise ValueError("Each process needs a connection.")
        if not 0 <= self.put_share <= 1 or not 0 <= self.bounce_share <= 1:
            raise ValueError("Shares are 0 to 1.")
        if not 1 <= self.bulk_lines <= MAX_BULK_LINES:
            raise ValueError(f"A bulk request has 1 to {MAX_BULK_LINES} lines.")
        if not 1 <= self.domains <= MOST_DOMAINS:
            raise ValueError(f"The profile wide has 1 to {MOST_DOMAINS:,} domains.")
        if self.exponent is not None and self.exponent <= 0:
            raise ValueError("The exponent must be positive.")

    @property
    def closed_loop(self) -> bool:
        """True if the answers set the pace instead of a schedule."""
        return self.rate == 0
