"""Rates and delays between two scrapes."""

import math
from dataclasses import astuple

import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import generate_latest

from consumer.metrics import WorkerMetrics
from ingest.admission import Admission
from ingest.metrics import IngestMetrics
from query.metrics import QueryMetrics
from query.pulse.scrape import (
    Scrape,
    Tier,
    Total,
    delay,
    parse_scrape,
    quantile,
    rates,
)
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.model.status import Status


def ingest(acknowledged: int, refused: int = 0, rejected: int = 0) -> Scrape:
    """Return the scrape of a real ingest node's metrics."""
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry, Admission(1, 1))
    metrics.acknowledged = acknowledged
    served = HttpInstrumentation(registry).metrics
    served.route("PUT", "/events/{domain}/delivered").record(202, 0.0)
    served.route("GET", "/openapi.json").record(401, 0.0, "no_key")
    served.unrouted("GET").record(404, 0.0, "unknown_path")
    for _ in range(refused):
        served.route("PUT", "/events/{domain}/delivered").record(503, 0.0, "node_full")
    for _ in range(rejected):
        metrics.count_rejected_line("single_label")
    return parse_scrape(generate_latest(registry).decode())


def worker(rows: int, lags: dict[int, int], delays: list[float]) -> Scrape:
    """Return the scrape of a real worker's metrics."""
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    metrics.writes_ok.inc(rows)
    for partition, lag in lags.items():
        metrics.lag.labels("g", "t", str(partition)).set(lag)
    reading = parse_scrape(generate_latest(registry).decode())
    # With bounds of its own, in a registry of its own.
    registry = CollectorRegistry()
    name = "catchall_end_to_end_seconds"
    histogram = Histogram(name, "Delay.", buckets=(0.1, 0.2, 0.4), registry=registry)
    for seconds in delays:
        histogram.observe(seconds)
    reading.delays = parse_scrape(generate_latest(registry).decode()).delays
    return reading


def test_metrics_of_each_tier_are_parsed() -> None:
    """Under the names that the tiers themselves export."""
    assert ingest(7, refused=2, rejected=3).totals == {
        Total.EVENTS_IN: 7,
        Total.EVENTS_REFUSED: 5,
    }
    read = worker(11, {0: 3, 5: 8}, [0.15])
    assert (read.tier, read.lags) == (Tier.WORKER, {0: 3, 5: 8})
    assert read.totals[Total.ROWS_WRITTEN] == 11
    assert read.delays == {0.1: 0, 0.2: 1, 0.4: 1, math.inf: 1}


def test_the_answers_of_a_query_node_are_summed() -> None:
    """Over all statuses and all problem codes."""
    registry = CollectorRegistry()
    metrics = QueryMetrics(registry)
    assert parse_scrape(generate_latest(registry).decode()).tier is Tier.QUERY
    metrics.answers[Status.UNKNOWN] += 1
    metrics.answers[Status.CATCH_ALL] += 1
    metrics.count_rejected_domain("single_label")
    HttpInstrumentation(registry).metrics.route("GET", "/domains/{domain}").record(
        503, 0.0, "node_full"
    )
    read = parse_scrape(generate_latest(registry).decode())
    assert (read.totals[Total.ANSWERS], read.totals[Total.QUESTIONS_REFUSED]) == (2, 2)


def test_text_in_another_format_is_an_error() -> None:
    """It is never parsed as zeros."""
    with pytest.raises(ValueError, match=r".+"):
        parse_scrape("<html>not found</html>")


def test_rates_are_summed_over_the_processes_of_a_tier() -> None:
    """A restarted process counts from 0; a new process counts from its second scrape."""
    before = {"a": ingest(100), "b": ingest(1000)}
    after = {"a": ingest(140), "b": ingest(10), "new": ingest(500)}
    found = rates(before, after, 2.0)
    assert found[Total.EVENTS_IN] == (40 + 10) / 2.0
    assert found[Total.ROWS_WRITTEN] is None


def test_the_delay_is_that_of_the_interval() -> None:
    """Earlier events do not change it."""
    old = [0.05] * 1000
    before = {"w": worker(0, {}, old)}
    found = delay(before, {"w": worker(0, {}, old + [0.15] * 10)})
    assert found is not None
    assert astuple(found) == pytest.approx((10, 0.15, 0.195))
    assert delay(before, before) is None
    assert delay({}, before) is None


def test_a_restarted_worker_counts_all_its_events() -> None:
    """It has fewer events than before, and all of them are new."""
    found = delay({"w": worker(0, {}, [0.3] * 50)}, {"w": worker(0, {}, [0.15] * 4)})
    assert found is not None
    assert astuple(found) == pytest.approx((4, 0.15, 0.195))


def test_a_quantile_beyond_the_last_bound_is_that_bound() -> None:
    """A quantile is never infinite."""
    assert quantile({0.1: 1, 0.2: 1, math.inf: 10}, 0.95) == 0.2
    assert quantile({0.1: 10, math.inf: 10}, 0.5) == pytest.approx(0.05)
