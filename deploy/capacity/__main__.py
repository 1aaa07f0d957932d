"""Say what a load takes: ``python -m deploy.capacity --rate 100000 --domains 1000000``.

Its coefficients are what ``make bench`` measured, read from the files that ``--json`` wrote
(``deploy/capacity/bench*.json``, or those of ``--bench``); its formulas are in
``deploy/capacity/model.py``. ``--write`` makes the tables of ``deploy/CAPACITY.md`` anew.

Exit status 0, or 2 if the command line is wrong or a figure is missing.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from deploy.capacity.figures import Figures, FiguresError, read_figures
from deploy.capacity.model import TARGET_LOAD, Load, Need, need

_HERE = Path(__file__).parent
PAGE = _HERE.parent / "CAPACITY.md"
EXIT_WRONG = 2
_BLOCK = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_FEW_DOMAINS, _LIFE = 20, 1_250
"""Of waves: active at a time, and events of each on average."""
_MILLION = 1_000_000
_EVENTS = Load(rate=1, domains=_MILLION, gets=1_000)
_RATES = (1, 1_000, 10_000, 100_000, _MILLION)
_DOMAINS = (10_000, 100_000, _MILLION, 10 * _MILLION, 100 * _MILLION)
_LAZY = (1.0, 10.0, 60.0, 600.0)


def measured() -> list[Path]:
    """Return the runs of the bench that are kept here: a whole one, then newer rows of others."""
    return [_HERE / "bench.json", *sorted(_HERE.glob("bench_*.json"))]


def series() -> Mapping[str, list[tuple[str, Load]]]:
    """Return the loads of each table of CAPACITY.md, with what differs from line to line."""
    waves = replace(_EVENTS, active=_FEW_DOMAINS, events_per_life=_LIFE)
    hundred_thousand = replace(_EVENTS, rate=100_000)
    return {
        "bulk": [(f"{rate:,}/s", replace(_EVENTS, rate=rate)) for rate in _RATES],
        "lazy": [
            (f"{seconds:g} s", replace(hundred_thousand, lazy_seconds=seconds)) for seconds in _LAZY
        ],
        "waves": [(f"{rate:,}/s", replace(waves, rate=rate)) for rate in _RATES],
        "puts": [(f"{rate:,}/s", replace(waves, rate=rate, put_share=1.0)) for rate in _RATES],
        "domains": [
            (f"{domains:,}", replace(hundred_thousand, domains=domains, lazy_seconds=60.0))
            for domains in _DOMAINS
        ],
        "most": [
            (
                f"{rate:,}/s",
                replace(_EVENTS, rate=rate, domains=100 * _MILLION, lazy_seconds=600.0),
            )
            for rate in (100_000, _MILLION)
        ],
    }


_LINES: tuple[tuple[str, str], ...] = (
    ("counter rows a second", "rows_per_second"),
    ("ingest: busy cores", "ingest_cores"),
    ("ingest: processes", "ingest_processes"),
    ("ingest: memory of each", "ingest_bytes"),
    ("workers: busy cores", "worker_cores"),
    ("workers: processes", "worker_processes"),
    ("workers: memory of each", "worker_bytes"),
    ("workers: `CONSUMER_MAX_KNOWN_DOMAINS` at least", "known_per_partition"),
    ("workers: `CONSUMER_MAX_BACKLOG` above", "backlog_per_partition"),
    ("workers: seconds to read every domain again", "warm_up_seconds"),
    ("query: busy cores", "query_cores"),
    ("query: processes", "query_processes"),
    ("query: memory of each", "query_bytes"),
    ("partitions", "partitions"),
    ("Kafka: busy cores, at most", "kafka_cores"),
    ("Kafka: brokers", "kafka_brokers"),
    ("Kafka: a second in", "kafka_in_bytes_per_second"),
    ("Kafka: a second between brokers", "kafka_replication_bytes_per_second"),
    ("Kafka: disk, all brokers", "kafka_disk_bytes"),
    ("Cassandra: busy cores, at most", "cassandra_cores"),
    ("Cassandra: nodes", "cassandra_nodes"),
    ("Cassandra: writes a second between nodes", "cassandra_replica_writes_per_second"),
    ("Cassandra: disk, all nodes", "cassandra_disk_bytes"),
    ("busy cores in all", "total_cores"),
    ("most cores", "largest"),
)


def table(loads: Sequence[tuple[str, Load]], figures: Figures) -> str:
    """Return what each of *loads* takes as a Markdown table, a column for each."""
    needs = [(name, need(load, figures.coefficients)) for name, load in loads]
    lines = [
        "| | " + " | ".join(name for name, _ in needs) + " |",
        "|---|" + "---:|" * len(needs),
        *(
            f"| {title} | " + " | ".join(cell(found, field) for _, found in needs) + " |"
            for title, field in _LINES
        ),
    ]
    return "\n".join(lines) + "\n"


def cell(found: Need, field: str) -> str:
    """Return one value as people read it."""
    value = getattr(found, field)
    if isinstance(value, str):
        return value
    if "bytes" in field:
        return size(value)
    if isinstance(value, int) or value >= 100:  # noqa: PLR2004 no digits behind the point
        return f"{value:,.0f}"
    return f"{value:.2g}" if value < 1 else f"{value:.1f}"


def size(value: float) -> str:
    """Return bytes in a unit that keeps the number short."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000:  # noqa: PLR2004 the next unit
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:,.3g} PB"


def page(text: str, figures: Figures) -> str:
    """Return *text* with its tables made anew. Raises KeyError for one that nobody knows."""
    known = series()

    def fill(match: re.Match[str]) -> str:
        name = match[2]
        if name == "origin":
            return f"{match[1]}{figures.origin}.\n{_common()}\n{match[3]}"
        if name == "coefficients":
            return f"{match[1]}{_coefficients(figures)}{match[3]}"
        return f"{match[1]}{table(known[name], figures)}{match[3]}"

    return _BLOCK.sub(fill, text)


def _common() -> str:
    return (
        f"In every table: {_EVENTS.gets:,.0f} GETs a second, all of them cold; replication "
        f"{_EVENTS.replication}; Kafka keeps {_EVENTS.retention_days:g} days; a machine of Kafka "
        f"or Cassandra has {_EVENTS.server_cores} cores; all is planned to be busy for "
        f"{TARGET_LOAD:.0%} of the time."
    )


def _coefficients(figures: Figures) -> str:
    pairs = asdict(figures.coefficients).items()
    lines = [f"| `{name}` | {value:,.4g} |" for name, value in pairs]
    return "\n".join(["| coefficient | value |", "|---|---:|", *lines]) + "\n"


def describe(load: Load, found: Need, figures: Figures) -> str:
    """Return what *load* takes as lines of text."""
    lines = [f"{load.rate:,.0f} events/s, {load.domains:,} domains, lazy {load.lazy_seconds:g} s"]
    lines += [f"  {title.replace('`', '')}: {cell(found, field)}" for title, field in _LINES]
    lines += [
        f"Nodes are chosen so that they are busy for {TARGET_LOAD:.0%} of the time.",
        f"Measured: {figures.origin}",
    ]
    return "\n".join(lines)


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Return what *words* ask for; ends with status 2 where they are wrong."""
    parser = argparse.ArgumentParser(prog="python -m deploy.capacity", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--rate", type=_not_negative, default=100_000.0, help="events a second")
    add("--domains", type=_count, default=_MILLION, help="different ones in all")
    add("--lazy-seconds", type=_positive, default=1.0, help="CONSUMER_FLUSH_MAX_AGE_SECONDS")
    add("--replication", type=_count, default=3)
    add("--put-share", type=_share, default=0.0, help="of the events, by PUT; the rest by bulk")
    add("--gets", type=_not_negative, default=0.0, help="GETs a second, all of them cold")
    add("--active", type=_count, default=0, help="domains that share the traffic at a time: all")
    add("--events-per-life", type=_not_negative, default=0.0, help="of an active domain: no end")
    add("--retention-days", type=_positive, default=7.0)
    add("--server-cores", type=_count, default=8, help="of a machine of Kafka or Cassandra")
    add("--bench", type=Path, action="append", help="a file of the bench; may be repeated")
    add("--json", action="store_true", help="print JSON")
    add("--write", action="store_true", help="make the tables of CAPACITY.md anew")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Do what *words* ask for and return the exit status."""
    arguments = vars(parse_arguments(words))
    files, as_json, write = (arguments.pop(name) for name in ("bench", "json", "write"))
    try:
        figures = read_figures(files or measured())
    except FiguresError as error:
        print(f"capacity: {error}", file=sys.stderr)
        return EXIT_WRONG
    if write:
        PAGE.write_text(page(PAGE.read_text(), figures))
        return 0
    load = Load(**arguments)
    found = need(load, figures.coefficients)
    if as_json:
        whole = asdict(found) | {"total_cores": found.total_cores, "largest": found.largest}
        print(json.dumps({"load": asdict(load), "need": whole, "measured": figures.origin}))
    else:
        print(describe(load, found, figures))
    return 0


def _number(text: str, least: float, most: float, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no {name}")
    return value


def _not_negative(text: str) -> float:
    return _number(text, 0.0, 1e15, "number from 0 on")


def _positive(text: str) -> float:
    return _number(text, 1e-6, 1e15, "positive number")


def _share(text: str) -> float:
    return _number(text, 0.0, 1.0, "share from 0 to 1")


def _count(text: str) -> int:
    return int(_number(text, 1.0, 1e15, "positive number"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
