"""The metrics of all tiers: declared once, named by convention, with bounded labels."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Metric

from consumer.metrics import WorkerMetrics
from ingest.admission import Admission
from ingest.metrics import IngestMetrics
from query.changes.metrics import ChangeMetrics
from query.export.metrics import ExportMetrics
from query.metrics import QueryMetrics
from shared.http.management import new_registry
from shared.http.observability.metrics import HttpMetrics
from shared.runtime.reloads import Reloads

ROOT = Path(__file__).parents[3]
TIERS = ("ingest", "consumer", "query", "shared")
MAKERS = {
    *("Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"),
    *("CounterMetricFamily", "GaugeMetricFamily", "HistogramMetricFamily", "InfoMetricFamily"),
}
CONVENTIONS = ("http_server_", "kafka_consumergroup_", "catchall_")
LABELS = {
    "http_request_method": "HTTP's methods, or _OTHER",
    "http_route": "templates of routes",
    "http_response_status_code": "statuses that we send",
    "error_type": "codes of problems that we send",
    "code": "codes of problems that we send",
    "outcome": "two words",
    "what": "two words",
    "kind": "two words",
    "status": "shared.model.status.Status",
    "cause": "consumer.counting.start.Cause",
    "reason": "query.changes.event_stream: ResyncReason, NoStream",
    "group": "configured",
    "topic": "configured",
    "partition": "numbers of partitions",
    "provider": "mail providers that are configured",
    "verdict": "shared.model.verdict.Verdict",
}
"""Every label, and the source of its values. No request is a source."""
UNITS = {
    "histogram": ("_seconds", "_records", "_bytes"),
    "gauge": (
        *("_seconds", "_bytes", "_events", "_partitions", "_domains", "_memory", "_clients"),
        *("_requests", "_connections", "_lag", "_offset", "_unpublished", "_epoch", "_late"),
        *("_keys", "_left", "_limit"),
    ),
}


def families() -> list[Metric]:
    """Return the metrics that the tiers declare."""
    registry = CollectorRegistry()
    registry.register(HttpMetrics())
    IngestMetrics(registry, Admission(1, 1))
    WorkerMetrics(registry)
    QueryMetrics(registry)
    ChangeMetrics(registry)
    ExportMetrics(registry)
    Reloads(registry)
    return list(registry.collect())


def declarations() -> list[tuple[str, str, set[str]]]:
    """Return file, metric and labels of each declaration in the source."""
    found = []
    for path in (path for tier in TIERS for path in (ROOT / tier).rglob("*.py")):
        tree = ast.parse(path.read_text())
        constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Name(id=maker), args=[ast.Constant(value=str(name)), *rest]
                ) if maker in MAKERS:
                    labels = [word.value for word in node.keywords if word.arg == "labels"]
                    parts = [
                        constants.get(p.id, p) if isinstance(p, ast.Name) else p
                        for p in (*labels, *rest[1:])
                    ]
                    texts = {
                        str(inner.value)
                        for part in parts
                        for inner in ast.walk(part)
                        if isinstance(inner, ast.Constant)
                    }
                    found.append((str(path.relative_to(ROOT)), name, texts))
                case _:
                    pass
    return found


def test_a_metric_is_declared_once() -> None:
    """Two declarations of one metric would diverge."""
    names = [name for _, name, _ in declarations()]

    assert [name for name, times in Counter(names).items() if times > 1] == []
    assert {family.name for family in families()} <= set(names)
    assert len(families()) > 40


@pytest.mark.parametrize("family", families(), ids=lambda family: family.name)
def test_a_metric_is_named_by_convention_and_explained(family: Metric) -> None:
    """Its name ends with its unit, and its help is a sentence."""
    assert family.name.startswith(CONVENTIONS)
    assert re.fullmatch(r"[A-Z0-9].*\.", family.documentation)
    assert family.name.endswith(UNITS.get(family.type, ""))


def test_no_label_takes_values_from_requests() -> None:
    """Such a label would let a client fill our memory, and that of the monitoring."""
    used = {label for _, _, labels in declarations() for label in labels}

    assert used == LABELS.keys()


def test_a_process_exports_its_own_resources() -> None:
    """CPU, memory, open files and garbage collection."""
    names = {family.name for family in new_registry().collect()}

    assert {"process_cpu_seconds", "process_resident_memory_bytes", "process_open_fds"} <= names
    assert "python_gc_collections" in names
