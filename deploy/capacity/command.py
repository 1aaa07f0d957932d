"""Compute what a load needs: ``python -m deploy.capacity --rate 100000 --domains 1000000``.

The coefficients are figures that ``make bench`` measured and wrote with ``--json``. They are read
from ``deploy/capacity/bench*.json``, or from the files that ``--bench`` names. The formulas are in
``deploy/capacity/model.py``. ``--write`` renews the tables of ``deploy/CAPACITY.md``.

Exit status: 0 done; 2 the command line is wrong or a figure is missing.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from deploy.capacity.figures import FiguresError, read_figures
from deploy.capacity.load import KEY_WINDOW_SECONDS, Load
from deploy.capacity.model import need
from deploy.capacity.tables import describe, renew
from shared.model.partitioning import DEFAULT_BUCKETS

_HERE = Path(__file__).parent
PAGE = _HERE.parent / "CAPACITY.md"
EXIT_WRONG = 2


def measured() -> list[Path]:
    """Return the committed files of the bench: one full run, then newer runs of single rows."""
    return [_HERE / "bench.json", *sorted(_HERE.glob("bench_*.json"))]


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exit with status 2 and the usage if it is wrong."""
    parser = argparse.ArgumentParser(prog="python -m deploy.capacity", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--rate", type=_not_negative, default=100_000.0, help="events a second")
    add("--domains", type=_count, default=1_000_000, help="number of different domains")
    add("--age-seconds", type=_positive, default=60.0, help="how old counts may get, at most 600")
    add("--buckets", type=_count, default=DEFAULT_BUCKETS, help="CASSANDRA_BUCKETS")
    add("--replication", type=_count, default=3, help="replicas in Kafka and in Cassandra")
    add("--put-share", type=_share, default=0.0, help="share of events sent by PUT, not by bulk")
    add("--keyed-share", type=_share, default=0.0, help="share of events with idempotency keys")
    add(
        "--key-window-seconds",
        type=_count,
        default=KEY_WINDOW_SECONDS,
        help="CONSUMER_IDEMPOTENCY_WINDOW_SECONDS",
    )
    add("--gets", type=_not_negative, default=0.0, help="GETs a second, none answered by a cache")
    add("--active", type=_count, default=0, help="domains with traffic at a time (default: all)")
    add(
        "--events-per-life",
        type=_not_negative,
        default=0.0,
        help="events of an active domain before another takes its place (default: no limit)",
    )
    add("--retention-days", type=_positive, default=7.0, help="retention of the topic of events")
    add("--server-cores", type=_count, default=8, help="cores of a Kafka or Cassandra machine")
    add("--bench", type=Path, action="append", help="a file of the bench; may be repeated")
    add("--json", action="store_true", help="print JSON")
    add("--write", action="store_true", help="renew the tables of CAPACITY.md")
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Run the command line *words* and return the exit status."""
    arguments = vars(parse_arguments(words))
    files, as_json, write = (arguments.pop(name) for name in ("bench", "json", "write"))
    try:
        figures = read_figures(files or measured())
    except FiguresError as error:
        print(f"capacity: {error}", file=sys.stderr)
        return EXIT_WRONG
    if write:
        PAGE.write_text(renew(PAGE.read_text(), figures))
        return 0
    load = Load(**arguments)
    needed = need(load, figures.coefficients)
    if as_json:
        whole = asdict(needed) | {"total_cores": needed.total_cores, "largest": needed.largest}
        print(json.dumps({"load": asdict(load), "need": whole, "measured": figures.origin}))
    else:
        print(describe(load, needed, figures))
    return 0


def _number(text: str, least: float, most: float, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is not {name}")
    return value


def _not_negative(text: str) -> float:
    return _number(text, 0.0, 1e15, "a number from 0")


def _positive(text: str) -> float:
    return _number(text, 1e-6, 1e15, "a positive number")


def _share(text: str) -> float:
    return _number(text, 0.0, 1.0, "a share from 0 to 1")


def _count(text: str) -> int:
    return int(_number(text, 1.0, 1e15, "a number from 1"))
