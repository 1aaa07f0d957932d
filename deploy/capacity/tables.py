"""What loads need as text: the tables of CAPACITY.md, and lines for a terminal."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from deploy.capacity.figures import Figures
from deploy.capacity.load import Load
from deploy.capacity.model import TARGET_LOAD, Need, need

_BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_WAVES_ACTIVE, _WAVES_EVENTS = 20, 1_250
"""Profile `waves` of the load tool: active domains, and the average events of each."""
_MILLION = 1_000_000
_WIDE = Load(rate=100_000, domains=10 * _MILLION, gets=1_000)
_RATES = (1_000, 10_000, 100_000, _MILLION)
_DOMAINS = (10_000, _MILLION, 10 * _MILLION, 100 * _MILLION)
_AGE_SECONDS = (1.0, 10.0, 60.0, 600.0)
_ON_THE_PAGE = {
    "rows_per_second",
    "ingest_cores",
    "worker_cores",
    "worker_processes",
    "worker_bytes",
    "kafka_cores",
    "cassandra_cores",
    "cassandra_nodes",
    "total_cores",
    "largest",
}
"""The lines that decide. The command prints all of them."""
_LINES: tuple[tuple[str, str], ...] = (
    ("counter rows a second", "rows_per_second"),
    ("writes of buckets a second", "writes_per_second"),
    ("ingest: busy cores", "ingest_cores"),
    ("ingest: processes", "ingest_processes"),
    ("ingest: memory of each", "ingest_bytes"),
    ("workers: busy cores", "worker_cores"),
    ("workers: processes", "worker_processes"),
    ("workers: memory of each", "worker_bytes"),
    ("workers: `CONSUMER_MAX_KNOWN_DOMAINS` at least", "known_per_partition"),
    ("workers: `CONSUMER_MAX_IDEMPOTENCY_KEYS` at least", "keys_per_partition"),
    ("workers: buckets to read when all start", "buckets"),
    ("workers: rows in each", "rows_per_bucket"),
    ("query: busy cores", "query_cores"),
    ("query: processes", "query_processes"),
    ("query: memory of each", "query_bytes"),
    ("partitions", "partitions"),
    ("Kafka: busy cores, at most", "kafka_cores"),
    ("Kafka: brokers", "kafka_brokers"),
    ("Kafka: incoming, per second", "kafka_in_bytes_per_second"),
    ("Kafka: between brokers, per second", "kafka_replication_bytes_per_second"),
    ("Kafka: disk, all brokers", "kafka_disk_bytes"),
    ("Cassandra: busy cores, at most", "cassandra_cores"),
    ("Cassandra: nodes", "cassandra_nodes"),
    ("Cassandra: writes between nodes, per second", "cassandra_replica_writes_per_second"),
    ("Cassandra: disk, all nodes", "cassandra_disk_bytes"),
    ("busy cores in all", "total_cores"),
    ("most cores", "largest"),
)


def series() -> Mapping[str, list[tuple[str, Load]]]:
    """Return, for each table of CAPACITY.md, its columns: title and load."""
    puts = replace(_WIDE, active=_WAVES_ACTIVE, events_per_life=_WAVES_EVENTS, put_share=1.0)
    return {
        "age": [
            (f"{seconds:g} s", replace(_WIDE, age_seconds=seconds)) for seconds in _AGE_SECONDS
        ],
        "domains": [(f"{domains:,}", replace(_WIDE, domains=domains)) for domains in _DOMAINS],
        "puts": [(f"{rate:,}/s", replace(puts, rate=rate)) for rate in _RATES],
    }


def table(loads: Sequence[tuple[str, Load]], figures: Figures) -> str:
    """Return what each of *loads* needs as a Markdown table with one column per load."""
    needs = [(name, need(load, figures.coefficients)) for name, load in loads]
    lines = [
        "| | " + " | ".join(name for name, _ in needs) + " |",
        "|---|" + "---:|" * len(needs),
        *(
            f"| {title} | " + " | ".join(cell(needed, field) for _, needed in needs) + " |"
            for title, field in _LINES
            if field in _ON_THE_PAGE
        ),
    ]
    return "\n".join(lines) + "\n"


def cell(needed: Need, field: str) -> str:
    """Return one value, rounded for people."""
    value = getattr(needed, field)
    if isinstance(value, str):
        return value
    if "bytes" in field:
        return size(value)
    if isinstance(value, int) or value >= 100:  # noqa: PLR2004 no decimals from here on
        return f"{value:,.0f}"
    return f"{value:.2g}" if value < 1 else f"{value:.1f}"


def size(value: float) -> str:
    """Return a number of bytes in the unit that keeps it short."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000:  # noqa: PLR2004 the next unit
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:,.3g} PB"


def renew(text: str, figures: Figures) -> str:
    """Return the page *text* with new tables. Raises KeyError for an unknown table."""
    known = series()

    def fill(match: re.Match[str]) -> str:
        name = match[2]
        if name == "origin":
            return f"{match[1]}{figures.origin}.\n{_assumptions()}\n{match[3]}"
        return f"{match[1]}{table(known[name], figures)}{match[3]}"

    return _BLOCK.sub(fill, text)


def describe(load: Load, needed: Need, figures: Figures) -> str:
    """Return what *load* needs as lines of text."""
    age = f"counts up to {load.age_seconds:g} s old"
    lines = [f"{load.rate:,.0f} events/s, {load.domains:,} domains, {age}"]
    lines += [f"  {title.replace('`', '')}: {cell(needed, field)}" for title, field in _LINES]
    lines += [
        f"There are enough nodes that each is busy {TARGET_LOAD:.0%} of the time.",
        f"Measured: {figures.origin}",
    ]
    return "\n".join(lines)


def _assumptions() -> str:
    return (
        f"Every table assumes {_WIDE.gets:,.0f} GETs a second, none answered by a cache; "
        f"replication {_WIDE.replication}; {_WIDE.retention_days:g} days of retention in "
        f"Kafka; {_WIDE.server_cores} cores per Kafka or Cassandra machine; and processes and "
        f"machines that are busy {TARGET_LOAD:.0%} of the time."
    )
