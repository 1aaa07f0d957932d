"""What a run is told."""

from dataclasses import dataclass
from pathlib import Path

from deploy.servers.cluster import CommitLog

INGEST_NODES = 2
WORKERS = 3
QUERY_NODES = 1
SERVERS = 3
PARTITIONS = 12
THRESHOLD = 1_000
DEFAULT_RATE = 150.0
"""Events a second, first sendings alone: two cores carry 6 JVMs and 6 tiers beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChaosOptions:
    """One run. The same seed gives the same faults at the same times, and the same events."""

    seed: int
    directory: Path
    minutes: float = 3.0
    """Of load and faults, without the start of the servers and the comparison in the end."""
    rate: float = DEFAULT_RATE
    commit_log: CommitLog = CommitLog.GROUP
    cut: bool = True
    """Whether nodes can be cut off here."""
    small_disk: bool = True
    """Whether a broker has a small disk here."""

    @property
    def seconds(self) -> float:
        """How long load and faults last."""
        return self.minutes * 60
