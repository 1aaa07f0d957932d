"""What a run is told."""

from dataclasses import dataclass
from enum import StrEnum

MAX_BULK_LINES = 5_000
"""The contract's limit on the lines of a bulk request."""

DEFAULT_INGEST = ("http://127.0.0.1:8080",)
DEFAULT_QUERY = ("http://127.0.0.1:8081",)


class Mode(StrEnum):
    """How events travel: one a request, many a request, or some of them either way."""

    PUT = "put"
    BULK = "bulk"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """One run. The defaults fit what ``make run`` starts."""

    seed: int
    """A second run with the same seed needs an empty system: it sends the same domains."""
    ingest: tuple[str, ...] = DEFAULT_INGEST
    query: tuple[str, ...] = DEFAULT_QUERY
    events: int = 50_000
    rate: float = 2_000.0
    """Events due per second."""
    mode: Mode = Mode.MIXED
    put_share: float = 0.5
    """Of the events in mixed mode. A PUT costs this client a hundred times as much as a line."""
    bulk_lines: int = 500
    connections: int = 64
    """Also the most requests in flight. They are dealt out to the ingest nodes in turn."""
    request_timeout_seconds: float = 10.0
    verify_timeout_seconds: float = 60.0
    settle_seconds: float = 1.0
    """Once every count is right, wait this long and compare all again: a doubled event is late."""

    def __post_init__(self) -> None:
        """Refuse what can't be meant."""
        if not self.ingest or not self.query:
            raise ValueError("Name at least one ingest node and one query node.")
        if self.events < 1 or self.rate <= 0 or self.connections < 1:
            raise ValueError("Events, rate and connections must be positive.")
        if not 0 <= self.put_share <= 1:
            raise ValueError("The share of PUTs is 0 to 1.")
        if not 1 <= self.bulk_lines <= MAX_BULK_LINES:
            raise ValueError(f"A bulk request has 1 to {MAX_BULK_LINES} lines.")
