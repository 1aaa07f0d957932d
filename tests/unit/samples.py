"""Read samples out of a registry of metrics."""

from prometheus_client import CollectorRegistry


def counted_with(registry: CollectorRegistry, code: str) -> dict[str, float]:
    """Return the counters that have *code* as a label's value, without zeros."""
    return {
        sample.name: sample.value
        for family in registry.collect()
        for sample in family.samples
        if code in sample.labels.values()
        and sample.name.endswith(("_total", "_count"))
        and sample.value
    }
