"""What a run is told."""

from dataclasses import dataclass
from enum import StrEnum

MAX_BULK_LINES = 5_000
"""The contract's limit on the lines of a bulk request."""
MOST_DOMAINS = 100_000_000

DEFAULT_INGEST = ("http://127.0.0.1:8080",)
DEFAULT_QUERY = ("http://127.0.0.1:8081",)
DEFAULT_WORKERS = ("http://127.0.0.1:9082",)


class Mode(StrEnum):
    """How events travel: one a request, many a request, or some of them either way."""

    PUT = "put"
    BULK = "bulk"
    MIXED = "mixed"


class Profile(StrEnum):
    """What is sent: domains that come one after the other, or many that come back."""

    WAVES = "waves"
    WIDE = "wide"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """One run. The defaults fit what ``make run`` starts."""

    seed: int
    """A second run with the same seed needs an empty system: it sends the same domains."""
    ingest: tuple[str, ...] = DEFAULT_INGEST
    query: tuple[str, ...] = DEFAULT_QUERY
    worker_management: tuple[str, ...] = ()
    """Where the workers tell their lag, for the live view."""
    profile: Profile = Profile.WAVES
    domains: int = 1_000_000
    """Of the profile ``wide``, as are the next two."""
    exponent: float | None = None
    """Of Zipf's law; without it all domains come equally often."""
    bounce_share: float = 0.01
    """Of the domains."""
    events: int | None = 50_000
    """None: until ``duration_seconds`` are over, which a closed loop alone can be told."""
    duration_seconds: float | None = None
    rate: float = 2_000.0
    """Events due per second; 0: as fast as the answers come."""
    mode: Mode = Mode.MIXED
    put_share: float = 0.5
    """Of the events in mixed mode. A PUT costs this client a hundred times as much as a line."""
    bulk_lines: int = 500
    connections: int = 64
    """Also the most requests in flight. They are dealt out to the ingest nodes in turn."""
    processes: int = 1
    """That send; each has its share of the connections."""
    ceiling: bool = False
    """Measure first what this client makes of a server that answers at once."""
    request_timeout_seconds: float = 10.0
    verify_timeout_seconds: float = 60.0
    settle_seconds: float = 1.0
    """Once every count is right, wait this long and compare all again: a doubled event is late."""

    def __post_init__(self) -> None:
        """Refuse what can't be meant."""
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
        """Whether the answers set the pace instead of a schedule."""
        return self.rate == 0
