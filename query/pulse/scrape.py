"""Read what processes have counted, and what two such readings say of the time between. No I/O."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from prometheus_client.parser import text_string_to_metric_families

P50, P95 = 0.5, 0.95


class Tier(StrEnum):
    """What a process is, by what it counts."""

    INGEST = "ingest"
    WORKER = "worker"
    QUERY = "query"


class Total(StrEnum):
    """What is counted, over all processes of a tier."""

    EVENTS_IN = "events_in"
    EVENTS_REFUSED = "events_refused"
    ROWS_WRITTEN = "rows_written"
    ANSWERS = "answers"
    QUESTIONS_REFUSED = "questions_refused"


TIER_OF = {
    Total.EVENTS_IN: Tier.INGEST,
    Total.EVENTS_REFUSED: Tier.INGEST,
    Total.ROWS_WRITTEN: Tier.WORKER,
    Total.ANSWERS: Tier.QUERY,
    Total.QUESTIONS_REFUSED: Tier.QUERY,
}
_TIERS = {
    "catchall_ingest_events": Tier.INGEST,
    "catchall_counter_writes": Tier.WORKER,
    "catchall_answers": Tier.QUERY,
}
_TOTALS = {
    ("catchall_ingest_events_total", "acknowledged"): Total.EVENTS_IN,
    ("catchall_ingest_rejected_lines_total", None): Total.EVENTS_REFUSED,
    ("catchall_counter_writes_total", "ok"): Total.ROWS_WRITTEN,
    ("catchall_answers_total", None): Total.ANSWERS,
    ("catchall_query_rejected_domains_total", None): Total.QUESTIONS_REFUSED,
}
_REQUESTS = "http_server_request_duration_seconds_count"
_REFUSED_REQUESTS = {"/events": Total.EVENTS_REFUSED, "/domains": Total.QUESTIONS_REFUSED}
"""By the first segment of the route."""
_LAG = "kafka_consumergroup_lag"
_DELAY = "catchall_end_to_end_seconds_bucket"


@dataclass(slots=True)
class Scrape:
    """What one process had counted at one moment."""

    tier: Tier | None = None
    totals: dict[Total, float] = field(default_factory=lambda: defaultdict(float))
    delays: dict[float, float] = field(default_factory=lambda: defaultdict(float))
    """From append to acknowledged counter: events by upper bound in seconds, cumulative."""
    lags: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delay:
    """From append to acknowledged counter, of the events of one interval."""

    events: int
    p50_seconds: float
    p95_seconds: float


def parse_scrape(text: str) -> Scrape:
    """Return what a ``/metrics`` says. Raises ValueError if it is none."""
    reading = Scrape()
    for family in text_string_to_metric_families(text):
        reading.tier = _TIERS.get(family.name, reading.tier)
        for sample in family.samples:
            total = _total_of(sample.name, sample.labels)
            if total is not None:
                reading.totals[total] += sample.value
            elif sample.name == _DELAY:
                reading.delays[float(sample.labels["le"])] += sample.value
            elif sample.name == _LAG:
                reading.lags[int(sample.labels["partition"])] = int(sample.value)
    return reading


def _total_of(name: str, labels: Mapping[str, str]) -> Total | None:
    """Return the total that a sample is part of, None if of none."""
    if name != _REQUESTS:
        return _TOTALS.get((name, labels.get("outcome")))
    if not labels.get("error_type"):
        return None
    return _REFUSED_REQUESTS.get("/".join(labels.get("http_route", "").split("/")[:2]))


def rates(
    before: Mapping[str, Scrape], after: Mapping[str, Scrape], seconds: float
) -> dict[Total, float | None]:
    """Return what was counted per second, by those that were read twice; None: by nobody."""
    found: dict[Total, float | None] = {}
    for total, tier in TIER_OF.items():
        both = [
            (before[name].totals.get(total, 0.0), reading.totals.get(total, 0.0))
            for name, reading in after.items()
            if name in before and reading.tier is tier
        ]
        found[total] = sum(_grown(*pair) for pair in both) / seconds if both else None
    return found


def delay(before: Mapping[str, Scrape], after: Mapping[str, Scrape]) -> Delay | None:
    """Return how long the events between two readings took; None if there were none."""
    grown: dict[float, float] = defaultdict(float)
    for name, reading in after.items():
        if name in before:
            old = before[name].delays
            # A process that began anew has fewer events in some bucket, and all of them are new.
            anew = any(number < old.get(bound, 0) for bound, number in reading.delays.items())
            for bound, number in reading.delays.items():
                grown[bound] += number if anew else number - old.get(bound, 0)
    events = grown.get(math.inf, 0.0)
    if events <= 0:
        return None
    return Delay(int(events), quantile(grown, P50), quantile(grown, P95))


def quantile(cumulative: Mapping[float, float], share: float) -> float:
    """Return the value below which *share* lies, straight between the bounds around it.

    Beyond the last finite bound nothing is known but that bound.
    """
    bounds = sorted(cumulative)
    wanted = share * cumulative[bounds[-1]]
    low, below = 0.0, 0.0
    for bound in bounds:
        number = cumulative[bound]
        if number >= wanted and number > below:
            return (
                low
                if math.isinf(bound)
                else low + (bound - low) * (wanted - below) / (number - below)
            )
        low, below = (low if math.isinf(bound) else bound), number
    return low


def _grown(before: float, after: float) -> float:
    # A process that began anew counts from 0.
    return after - before if after >= before else after
