"""Parse the metrics of a process, and compute rates and delays between two scrapes. Pure."""

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from prometheus_client.parser import text_string_to_metric_families

P50, P95 = 0.5, 0.95


class Tier(StrEnum):
    """The tier of a process, known from its metrics."""

    INGEST = "ingest"
    WORKER = "worker"
    QUERY = "query"


class Total(StrEnum):
    """A total over all processes of one tier."""

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
    """The metrics of one process at one moment."""

    tier: Tier | None = None
    totals: dict[Total, float] = field(default_factory=lambda: defaultdict(float))
    delays: dict[float, float] = field(default_factory=lambda: defaultdict(float))
    """From append to acknowledged counter: cumulative events by upper bound in seconds."""
    lags: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Delay:
    """The delay from append to acknowledged counter, of the events of one interval."""

    events: int
    p50_seconds: float
    p95_seconds: float


def parse_scrape(text: str) -> Scrape:
    """Parse the text of ``/metrics``. Raises ValueError if it is in another format."""
    scrape = Scrape()
    for family in text_string_to_metric_families(text):
        scrape.tier = _TIERS.get(family.name, scrape.tier)
        for sample in family.samples:
            total = _total_of(sample.name, sample.labels)
            if total is not None:
                scrape.totals[total] += sample.value
            elif sample.name == _DELAY:
                scrape.delays[float(sample.labels["le"])] += sample.value
            elif sample.name == _LAG:
                scrape.lags[int(sample.labels["partition"])] = int(sample.value)
    return scrape


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
    """Return each total per second, over the processes in both scrapes; None if there is none."""
    found: dict[Total, float | None] = {}
    for total, tier in TIER_OF.items():
        both = [
            (before[name].totals.get(total, 0.0), scrape.totals.get(total, 0.0))
            for name, scrape in after.items()
            if name in before and scrape.tier is tier
        ]
        found[total] = sum(_increase(*pair) for pair in both) / seconds if both else None
    return found


def delay(before: Mapping[str, Scrape], after: Mapping[str, Scrape]) -> Delay | None:
    """Return the delay of the events between two scrapes; None if there were none."""
    grown: dict[float, float] = defaultdict(float)
    for name, scrape in after.items():
        if name in before:
            old = before[name].delays
            # A process that restarted has fewer events in some bucket; all of them are new.
            restarted = any(number < old.get(bound, 0) for bound, number in scrape.delays.items())
            for bound, number in scrape.delays.items():
                grown[bound] += number if restarted else number - old.get(bound, 0)
    events = grown.get(math.inf, 0.0)
    if events <= 0:
        return None
    return Delay(int(events), quantile(grown, P50), quantile(grown, P95))


def quantile(cumulative: Mapping[float, float], share: float) -> float:
    """Return the quantile *share*, interpolated linearly between two bounds.

    Beyond the last finite bound the result is that bound.
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


def _increase(before: float, after: float) -> float:
    # A process that restarted counts from 0.
    return after - before if after >= before else after
