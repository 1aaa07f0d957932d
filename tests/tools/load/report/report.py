"""The report of a run."""

import json
from dataclasses import asdict, dataclass, field

from tests.tools.load.measurement.latency import Latency
from tests.tools.load.measurement.series import Percentile, SecondRow
from tests.tools.load.verification.verify import WrongDomain


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run from the first event to the last comparison."""

    seed: int
    profile: str
    """The workload in words."""
    mode: str
    closed_loop: bool = False
    """True if the answers set the pace. Latencies are then measured from sending."""
    connections: int
    processes: int
    offered_per_second: float
    """The rate of the schedule; in a closed loop, the rate of sending."""
    events: int
    accepted: int
    refused: int
    unanswered: int
    refused_by: dict[str, int]
    unanswered_by: dict[str, int]
    seconds_sending: float
    latencies: dict[str, Latency]
    """By route (``put``, ``bulk``), of requests with an accepted event, from the scheduled time."""
    start_lag: Latency
    """The delay between the due time of a request and its sending."""
    cpu_seconds: float
    """Of all processes of the load tool while they sent."""
    ceiling_per_second: float | None = None
    """The rate of this client against a server that answers at once."""
    domains: int
    seconds_until_right: float | None
    """From the last accepted event until every count was right; None: some never were."""
    wrong_count: int
    wrong: list[WrongDomain]
    """The first 10,000."""
    compared: bool = True
    """False if another program compares the counts."""
    breaches: list[str]
    """Answers that violate the API; the first 20."""
    series: list[SecondRow] = field(default_factory=list)
    percentiles: list[Percentile] = field(default_factory=list)
    """Of all requests with an accepted event."""
    machine: dict[str, str] = field(default_factory=dict)

    @property
    def sent_per_second(self) -> float:
        """The rate of sending."""
        return self.events / self.seconds_sending if self.seconds_sending > 0 else 0.0

    @property
    def accepted_per_second(self) -> float:
        """The rate of accepted events."""
        return self.accepted / self.seconds_sending if self.seconds_sending > 0 else 0.0

    @property
    def ok(self) -> bool:
        """True if events were accepted, no count is wrong and every answer follows the API."""
        return self.accepted > 0 and not self.wrong_count and not self.breaches

    @property
    def verdict(self) -> str:
        """The result in a sentence."""
        if self.wrong_count:
            return f"{self.wrong_count:,} of {self.domains:,} domains are wrong"
        if self.breaches:
            return "some answers violate the API"
        if not self.accepted:
            return "nothing was accepted"
        return "every count is right" if self.compared else "no count was compared"

    @property
    def title(self) -> str:
        """The title of the report."""
        return f"{self.profile}, {self.mode}, seed {self.seed}"

    def to_json(self) -> str:
        """Return everything as JSON."""
        derived = {
            "sent_per_second": self.sent_per_second,
            "accepted_per_second": self.accepted_per_second,
            "ok": self.ok,
            "verdict": self.verdict,
        }
        return json.dumps(asdict(self) | derived, indent=2) + "\n"
