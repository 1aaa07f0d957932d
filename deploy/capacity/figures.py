"""Read the bench's figures by their names, from the JSON files that it wrote."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from shared.errors import PipelineError


class FiguresError(PipelineError):
    """A file is not a run of the bench, or a required figure is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coefficients:
    """Measured costs. Each is one figure of ``make bench``, or computed from two."""

    cores: int
    """Of the machine of the bench; client and servers shared them."""
    put_us: float
    put_per_second: float
    """With client, node and Kafka on those cores."""
    bulk_few_per_cpu_second: float
    bulk_many_per_cpu_second: float
    bulk_few_per_second: float
    bulk_many_per_second: float
    event_us: float
    """CPU of a worker per event: read, decode, add; with the few rows of 1,000 domains."""
    row_us: float
    """CPU of a worker's client per counter row, in writes with as many rows as fit."""
    single_us: float
    """The same for a write of one row."""
    rows_per_second: float
    """Counter rows into one Cassandra node on those cores, with one replica, in full writes."""
    singles_per_second: float
    """The same in writes of one row."""
    domain_bytes: float
    """Memory of a worker per domain."""
    get_hot_per_second: float
    get_cold_per_second: float
    row_bytes: float
    """Size of a counter row on the disk of one replica."""
    log_few_bytes: float
    log_many_bytes: float
    log_put_bytes: float
    """Size of an event in one replica of Kafka's log: few domains, many domains, by PUT."""
    ingest_bytes: float
    worker_bytes: float
    query_bytes: float
    """Memory of an idle process."""


_FIGURES = {
    "put_us": "CPU per PUT, server alone on a core",
    "put_per_second": "PUT into Kafka, all on the same cores, one process",
    "bulk_few_per_cpu_second": "bulk into Kafka per core of the node, waves",
    "bulk_many_per_cpu_second": (
        "bulk into Kafka per core of the node, wide uniform, 1,000,000 domains"
    ),
    "bulk_few_per_second": "bulk into Kafka, all on the same cores, waves",
    "bulk_many_per_second": (
        "bulk into Kafka, all on the same cores, wide uniform, 1,000,000 domains"
    ),
    "event_us": "worker, CPU per event at 1,000 domains",
    "row_us": "CPU of the client per counter row",
    "rows_per_second": "counter rows through the store",
    "domain_bytes": "worker, memory per domain at 1,000,000 domains",
    "get_hot_per_second": "GET hot, 1,000 domain(s) again and again",
    "get_cold_per_second": "GET cold, 20,000 domains once each",
    "row_bytes": "counter row on disk, one of three replicas",
    "log_few_bytes": "Kafka's log per event by bulk, waves",
    "log_many_bytes": "Kafka's log per event by bulk, wide uniform, 1,000,000 domains",
    "log_put_bytes": "Kafka's log per event, each PUT alone",
    "ingest_bytes": "memory of an idle ingest node",
    "worker_bytes": "memory of an idle worker",
    "query_bytes": "memory of an idle query node",
}
_REFERENCES = {
    "single_us": "CPU of the client per counter row",
    "singles_per_second": "counter rows through the store",
}
"""Here the figure's reference counts: one update per request."""
NAMES = tuple(_FIGURES.values())


class _Reference(msgspec.Struct, frozen=True):
    value: float


class _Figure(msgspec.Struct, frozen=True):
    name: str
    ours: float
    reference: _Reference | None = None


class _Row(msgspec.Struct, frozen=True):
    figures: list[_Figure]


class _Run(msgspec.Struct, frozen=True):
    quick: bool
    machine: dict[str, str]
    rows: list[_Row]
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of several runs. If two files have the same figure, the later file wins."""

    coefficients: Coefficients
    origin: str
    """Commits, versions and machine of the runs, as text."""


def read_figures(files: Iterable[Path]) -> Figures:
    """Return the figures of *files*. Raises FiguresError, which names what is wrong or missing."""
    found: dict[str, _Figure] = {}
    runs: list[_Run] = []
    for file in files:
        try:
            run = msgspec.json.decode(file.read_bytes(), type=_Run)
        except (OSError, msgspec.DecodeError) as error:
            raise FiguresError(f"{file}: not a run of the bench: {error}") from error
        if run.quick:
            raise FiguresError(
                f"{file}: the figures of a quick run are not usable: run the bench without --quick"
            )
        runs.append(run)
        found |= {figure.name: figure for row in run.rows for figure in row.figures}
    if not runs:
        raise FiguresError("no file of the bench was given: use --bench FILE")
    return Figures(_coefficients(found, runs[0].machine), _origin(runs))


def _coefficients(found: Mapping[str, _Figure], machine: Mapping[str, str]) -> Coefficients:
    missing = [name for name in NAMES if name not in found]
    if missing:
        raise FiguresError("the bench has no figure " + ", ".join(f"{name!r}" for name in missing))
    named = {field: found[name].ours for field, name in _FIGURES.items()}
    for field, name in _REFERENCES.items():
        reference = found[name].reference
        if reference is None:
            raise FiguresError(f"the bench has no reference for {name!r}")
        named[field] = reference.value
    usable = machine.get("cores", "").partition(" ")[0]
    if not usable.isdecimal() or int(usable) < 1:
        raise FiguresError(f"the bench does not record its number of cores: {dict(machine)}")
    names = _FIGURES | _REFERENCES
    empty = [names[field] for field, value in named.items() if value <= 0]
    if empty:
        raise FiguresError("the bench measured nothing for " + ", ".join(empty))
    return Coefficients(cores=int(usable), **named)


def _origin(runs: Sequence[_Run]) -> str:
    machine = ", ".join(f"{name} {value}" for name, value in runs[0].machine.items())
    versions = runs[0].versions
    servers = ", ".join(f"{name} {versions[name]}" for name in ("Kafka", "Cassandra"))
    commits = ", ".join(dict.fromkeys(run.versions["commit"] for run in runs))
    return f"commit {commits}, {servers}; {machine}"
