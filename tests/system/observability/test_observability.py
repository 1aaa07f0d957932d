"""Every metric in the alert rules and the dashboard exists."""

import re

from tests.clients.client import Client
from tests.monitoring.queries import expressions, metrics_in
from tests.tiers.stack import Stack
from tests.waiting import until_equal

WHERE_SWITCHED_ON = {
    "catchall_certificate_expiry_timestamp_seconds",
}
"""Exported by nodes with a certificate; the shared ones have none."""
_FAMILY = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)


def samples_of(name: str, kind: str) -> set[str]:
    """Return the sample names of a metric."""
    return (
        {f"{name}_{part}" for part in ("bucket", "sum", "count")} if kind == "histogram" else {name}
    )


async def test_every_metric_in_alerts_and_dashboard_is_exported(
    stack: Stack, client: Client
) -> None:
    """A tier exports each metric under the name that rules and panels use."""
    named = {metric for expression in expressions().values() for metric in metrics_in(expression)}
    assert len(named) > 40

    async def missing() -> set[str]:
        exported: set[str] = set()
        for node in stack.started:
            text = (await client.request("GET", f"{node.management}/metrics")).text
            for name, kind in _FAMILY.findall(text):
                exported |= samples_of(name, kind)
        return named - exported - WHERE_SWITCHED_ON

    await until_equal(missing, set())
