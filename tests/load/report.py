"""What a run found."""

import json
from dataclasses import asdict, dataclass

from tests.load.latency import Latency
from tests.load.verify import WrongDomain


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A run from the first event to the last comparison."""

    seed: int
    mode: str
    offered_per_second: float
    """The rate of the schedule."""
    events: int
    accepted: int
    refused: int
    unanswered: int
    refused_by: dict[str, int]
    unanswered_by: dict[str, int]
    seconds_sending: float
    latencies: dict[str, Latency]
    """By way (``put``, ``bulk``), of requests of which an event was accepted, from the scheduled
    time."""
    start_lag: Latency
    """How long after its time a request left."""
    domains: int
    seconds_until_right: float | None
    """From the last accepted event until every count was right; None: some never were."""
    wrong: list[WrongDomain]
    breaches: list[str]
    """Answers that are not what the API promises; the first 20."""

    @property
    def sent_per_second(self) -> float:
        """The rate that was reached."""
        return self.events / self.seconds_sending if self.seconds_sending > 0 else 0.0

    @property
    def ok(self) -> bool:
        """Whether something was accepted and everything is as promised."""
        return self.accepted > 0 and not self.wrong and not self.breaches

    @property
    def verdict(self) -> str:
        """The run in a sentence."""
        if self.wrong:
            return f"{len(self.wrong):,} of {self.domains:,} domains are wrong"
        if self.breaches:
            return "every count is right, but some answers are not what the API promises"
        if not self.accepted:
            return "nothing was accepted"
        return "every count is right"

    def to_json(self) -> str:
        """Return everything as JSON."""
        derived = {
            "sent_per_second": self.sent_per_second,
            "ok": self.ok,
            "verdict": self.verdict,
        }
        return json.dumps(asdict(self) | derived, indent=2) + "\n"
