"""What the pump is told and what it reports."""

import msgspec

from tests.tools.bench.client.requests import Workload
from tests.tools.bench.effort import Effort
from tests.tools.bench.measurement.percentile import Percentiles

PUT_CONNECTIONS = 256


class PumpJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to send where."""

    workload: Workload
    connections: int
    host: str = ""
    port: int = 0
    warm_up_seconds: float = 0.0
    seconds: float
    events: int = 0
    """Different ones that are made beforehand; then they come again from the first."""
    domains: int = 1
    lines: int = 1
    seed: int = 1
    once: bool = False
    """Send each request once and end, even before the time is over."""
    core: int | None = None
    watched: dict[str, int] = {}
    """Processes by name whose CPU time is of interest."""


class PumpResult(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen between the warm-up and the end."""

    seconds: float
    statuses: dict[int, int]
    good: int
    """Answers with a 2xx."""
    events: int
    """Of good answers: those that a bulk answer says were accepted, else one each."""
    lost: int
    times: Percentiles
    cpu: dict[str, float]
    own_cpu: float

    @property
    def per_second(self) -> float:
        """Good answers a second."""
        return self.good / self.seconds

    @property
    def refused(self) -> int:
        """Answers without a 2xx, and requests without any."""
        return sum(self.statuses.values()) - self.good + self.lost

    def cpu_us(self, name: str) -> float:
        """Return the CPU microseconds of process *name* for each good answer."""
        return self.cpu[name] / max(1, self.good) * 1_000_000


def put_job(effort: Effort, core: int | None = None) -> PumpJob:
    """Return the job of the rows that compare servers by empty PUTs."""
    return PumpJob(
        workload=Workload.PUT_WAVES,
        events=effort.put_events,
        connections=PUT_CONNECTIONS,
        warm_up_seconds=effort.warm_up_seconds,
        seconds=effort.measure_seconds,
        core=core,
    )
