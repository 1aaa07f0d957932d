"""The capacity formulas: examples, and properties such as: more events never need less."""

from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.counter_store import MAX_ROWS
from deploy.capacity.figures import Coefficients
from deploy.capacity.load import Load
from deploy.capacity.model import (
    LEAST_NODES,
    LEAST_SERVERS,
    ROWS_PER_WRITE,
    need,
    rows_per_second,
    writes_per_second,
)

MEASURED = Coefficients(
    cores=2,
    put_us=100.0,
    put_per_second=10_000.0,
    bulk_few_per_cpu_second=500_000.0,
    bulk_many_per_cpu_second=100_000.0,
    bulk_few_per_second=400_000.0,
    bulk_many_per_second=80_000.0,
    event_us=5.0,
    row_us=5.0,
    single_us=60.0,
    rows_per_second=20_000.0,
    singles_per_second=2_000.0,
    domain_bytes=300.0,
    get_hot_per_second=20_000.0,
    get_cold_per_second=4_000.0,
    row_bytes=100.0,
    log_few_bytes=1.0,
    log_many_bytes=20.0,
    log_put_bytes=100.0,
    ingest_bytes=50e6,
    worker_bytes=50e6,
    query_bytes=50e6,
)
RATES = st.floats(0.001, 1e7)
DOMAINS = st.integers(1, 10**9)
SECONDS = st.floats(0.01, 3600)
NOT_MONOTONE = {"largest"}


@pytest.mark.parametrize(
    ("load", "rows"),
    [
        # Hardly one event per bucket and age: a row per event.
        (Load(rate=1, domains=1_000_000), 1.0),
        # Many events: a row per domain and age, however many domains share a bucket.
        (Load(rate=1_000_000, domains=1_000, age_seconds=2), 500.0),
        (Load(rate=1_000_000, domains=100_000, age_seconds=2, buckets=16), 50_000.0),
        # An event per domain and age, in 16 buckets: 1 - 1/e of the domains have traffic.
        (Load(rate=100_000, domains=100_000, age_seconds=1, buckets=16), 63_212.0),
        # A domain per bucket and an event per age: a write after 1 + 1/e of it.
        (Load(rate=1_000, domains=1_000, age_seconds=1), 731.06),
        (Load(rate=0, domains=1_000), 0.0),
        # Twenty active domains with a thousand events each, and three writes per new domain.
        (
            Load(rate=100_000, domains=10**6, age_seconds=1, active=20, events_per_life=1_000),
            20 + 100 * 3,
        ),
        # Never more rows than events.
        (Load(rate=10, domains=10**6, active=20, events_per_life=1), 10.0),
    ],
)
def test_rows_by_example(load: Load, rows: float) -> None:
    """Cases where the answer is known without the formula."""
    assert rows_per_second(load) == pytest.approx(rows, rel=0.001)


@pytest.mark.parametrize(
    ("load", "writes"),
    [
        # A write per event, as each meets a quiet bucket.
        (Load(rate=1, domains=1_000_000), 1.0),
        # A write per bucket and age.
        (Load(rate=1_000_000, domains=100_000, age_seconds=10, buckets=1_000), 100.0),
        # More rows than fit into a write.
        (Load(rate=10_000_000, domains=100_000, age_seconds=10, buckets=10), 10_000 / 256),
        (Load(rate=0, domains=1_000), 0.0),
    ],
)
def test_writes_by_example(load: Load, writes: float) -> None:
    """Cases where the answer is known without the formula."""
    assert writes_per_second(load) == pytest.approx(writes, rel=0.001)


def test_a_write_has_as_many_rows_as_the_store_takes() -> None:
    """The formulas are pure, so the constant stands twice."""
    assert ROWS_PER_WRITE == MAX_ROWS


def test_a_need_by_hand() -> None:
    """100,000 events/s for 1,000,000 domains by bulk, computed from the coefficients above."""
    load = Load(rate=100_000, domains=1_000_000, age_seconds=1, gets=8_000)
    found = need(load, MEASURED)
    rows, writes = rows_per_second(load), writes_per_second(load)

    assert found.ingest_cores == pytest.approx(100_000 / 100_000)
    assert found.worker_cores == pytest.approx((100_000 * 5 + rows * 5 + writes * 55) / 1e6)
    assert found.kafka_cores == pytest.approx(100_000 * (2 / 80_000 - 1 / 100_000) * 3)
    assert found.cassandra_cores == pytest.approx((rows * 1e-4 + writes * 9e-4) * 3)
    assert found.query_cores == pytest.approx(8_000 * 2 / 4_000)
    assert found.kafka_in_bytes_per_second == pytest.approx(2e6)
    assert found.kafka_replication_bytes_per_second == pytest.approx(4e6)
    assert found.kafka_disk_bytes == pytest.approx(2e6 * 3 * 7 * 86_400 / 0.6)
    assert found.cassandra_disk_bytes == pytest.approx(1e6 * 100 * 3 * 2 / 0.6)
    assert found.ingest_processes == 2
    assert found.query_processes == 7
    assert found.worker_bytes == pytest.approx(50e6 + 300e6 / found.worker_processes)
    assert found.cassandra_replica_writes_per_second == pytest.approx(writes * 2)
    assert (found.buckets, found.rows_per_bucket) == (16_384, 62)
    assert found.largest == "Cassandra"
    assert found.total_cores == pytest.approx(
        found.ingest_cores
        + found.worker_cores
        + found.query_cores
        + found.kafka_cores
        + found.cassandra_cores
    )


def test_keys_take_memory_for_their_window() -> None:
    """Half of the events have a key; 12 partitions share 2 workers."""
    load = Load(rate=1_000, domains=1_000, keyed_share=0.5, key_window_seconds=1_200)
    found, without = need(load, MEASURED), need(replace(load, keyed_share=0.0), MEASURED)
    assert found.keys_per_partition == 500 * 1_200 / 12
    assert found.worker_bytes - without.worker_bytes == pytest.approx(500 * 1_200 * 30 / 2)


def test_a_tiny_load_still_needs_two_of_each_tier_and_three_servers() -> None:
    """Any of them may die or be replaced at any time."""
    found = need(Load(rate=1, domains=1), MEASURED)

    assert found.ingest_processes == found.worker_processes == LEAST_NODES
    assert found.query_processes == LEAST_NODES
    assert found.kafka_brokers == found.cassandra_nodes == LEAST_SERVERS


@given(RATES, RATES, DOMAINS, SECONDS, st.floats(0, 1))
def test_more_events_never_need_less(
    one: float, other: float, domains: int, seconds: float, share: float
) -> None:
    """This holds for every need, every number of domains and every age."""
    load = Load(rate=min(one, other), domains=domains, age_seconds=seconds, put_share=share)

    _never_less(load, replace(load, rate=max(one, other)), {"known_per_partition"})


@given(RATES, DOMAINS, DOMAINS, SECONDS)
def test_more_domains_never_need_less(rate: float, one: int, other: int, seconds: float) -> None:
    """Except what each worker needs, because there may be more workers."""
    load = Load(rate=rate, domains=min(one, other), age_seconds=seconds)

    _never_less(load, replace(load, domains=max(one, other)), {"known_per_partition"})


@given(RATES, DOMAINS, SECONDS, SECONDS)
def test_older_counts_never_need_more_rows(
    rate: float, domains: int, one: float, other: float
) -> None:
    """Nor more writes: older counts cost less."""
    load = Load(rate=rate, domains=domains, age_seconds=min(one, other))

    older = replace(load, age_seconds=max(one, other))
    assert rows_per_second(older) <= rows_per_second(load) * (1 + 1e-9)
    assert writes_per_second(older) <= writes_per_second(load) * (1 + 1e-9)


def _never_less(less: Load, more: Load, but: set[str]) -> None:
    # The share of each worker falls when there are more workers.
    left_out = NOT_MONOTONE | {"worker_bytes"} | but
    before, after = asdict(need(less, MEASURED)), asdict(need(more, MEASURED))
    for name, value in before.items():
        if name not in left_out:
            assert after[name] >= value * (1 - 1e-9), name
