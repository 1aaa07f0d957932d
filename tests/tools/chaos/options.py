"""The options of a run."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from deploy.servers.cluster import CommitLog

INGEST_NODES = 2
WORKERS = 3
QUERY_NODES = 1
SERVERS = 3
PARTITIONS = 12
BUCKETS = 64
"""Few, so that many domains of a run share each."""
THRESHOLD = 1_000
DEFAULT_RATE = 150.0
"""Events per second without repeats: two cores run 6 JVMs and 6 tiers at the same time."""


class Tier(StrEnum):
    """The processes of one kind."""

    KAFKA = "kafka"
    CASSANDRA = "cassandra"
    INGEST = "ingest"
    WORKER = "worker"
    QUERY = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosOptions:
    """The options of one run. The same seed gives the same events, and faults at the same times."""

    seed: int
    directory: Path
    minutes: float = 3.0
    """Of load and faults, without the start of the servers and the final comparison."""
    rate: float = DEFAULT_RATE
    commit_log: CommitLog = CommitLog.GROUP
    cut: bool = True
    """True if nodes can be cut off on this machine."""
    small_disk: bool = True
    """True if a broker has a small disk on this machine."""
    faketime: Path | None = None
    """The library that makes clocks step; None if there is none on this machine."""

    @property
    def seconds(self) -> float:
        """The duration of load and faults."""
        return self.minutes * 60
