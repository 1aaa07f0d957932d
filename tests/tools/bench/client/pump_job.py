"""The job of a pump, and its result."""

import msgspec

from tests.tools.bench.client.requests import Workload
from tests.tools.bench.effort import Effort
from tests.tools.bench.measurement.percentile import Percentiles

PUT_CONNECTIONS = 256


class PumpJob(msgspec.Struct, frozen=True, kw_only=True):
    """The requests to send, and the target."""

    workload: Workload
    connections: int
    host: str = ""
    port: int = 0
    warm_up_seconds: float = 0.0
    seconds: float
    events: int = 0
    """The number of different events built beforehand; afterwards they repeat."""
    domains: int = 1
    lines: int = 1
    seed: int = 1
    once: bool = False
    """Send each request once and exit, even before the time is over."""
    core: int | None = None
    watched: dict[str, int] = {}
    """Processes by name; the result has their CPU time."""


class PumpResult(msgspec.Struct, frozen=True, kw_only=True):
    """The answers between the warm-up and the end."""

    seconds: float
    statuses: dict[int, int]
    good: int
    """Answers with a 2xx."""
    events: int
    """In good answers: the accepted events of a bulk answer, else one each."""
    lost: int
    times: Percentiles
    cpu: dict[str, float]
    own_cpu: float

    @property
    def per_second(self) -> float:
        """Good answers per second."""
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
