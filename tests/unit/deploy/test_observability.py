"""The alert rules fire when they should and only then; the dashboard is valid."""

import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # has no types of its own

from deploy.local.tiers import TIERS
from tests.monitoring.promtool import find_promtool
from tests.monitoring.queries import (
    FOLDER,
    dashboard,
    expressions,
    metrics_in,
    panels,
    rule_tests,
    rules,
)

RUNBOOK = FOLDER.parent / "RUNBOOK.md"
WIDTH = 24
AGREED = {
    "ConsumerLagHigh",
    "PartitionStalled",
    "PartitionStopped",
    "RefusalsHigh",
    "RowsDropped",
    "AuditMismatch",
    "CertificateExpiresSoon",
    "NodeDown",
    "DeadLettersArriving",
}
"""The alerts that operators rely on."""
_BRACKETS = {")": "(", "]": "[", "}": "{"}


@pytest.fixture(scope="module")
def promtool(pytestconfig: pytest.Config) -> Path | None:
    """Return promtool; None, reported in red, if it is missing: then our simple parser is used."""
    found = find_promtool()
    if isinstance(found, Path):
        return found
    reporter = pytestconfig.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(f"\nTHE ALERT RULES ARE PARSED BUT NOT TESTED: {found}", red=True)
    return None


def check_with(promtool: Path | None, command: str, file: Path) -> None:
    """Check *file* with promtool; without it, check only the brackets of each expression."""
    if promtool is None:
        for name, expression in expressions().items():
            check_brackets(name, expression)
        return
    done = subprocess.run(
        [promtool, *command.split(), file.name],
        cwd=file.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def check_brackets(name: str, expression: str) -> None:
    """Assert that *expression* names a metric and that its brackets match."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", expression)
    assert '"' not in bare, name
    opened: list[str] = []
    for sign in re.findall(r"[()\[\]{}]", bare):
        if sign in _BRACKETS.values():
            opened.append(sign)
        else:
            assert opened, name
            assert opened.pop() == _BRACKETS[sign], name
    assert opened == [], name
    assert metrics_in(expression) or re.search(r"\bup\b", bare), name


@pytest.mark.parametrize("expression", ["sum(rate(catchall_x[5m])", 'up{a="b}', "1 + 1", "up)("])
def test_broken_expressions_are_found_without_promtool_too(expression: str) -> None:
    """Our parser is simple, but it finds these."""
    with pytest.raises(AssertionError):
        check_brackets("", expression)


def test_each_alert_fires_when_it_should_and_only_then(promtool: Path | None) -> None:
    """The tool promtool runs the series of ``alerts_test.yaml``."""
    check_with(promtool, "check rules", FOLDER / "alerts.yaml")
    check_with(promtool, "test rules", FOLDER / "alerts_test.yaml")


def test_each_alert_is_tested_both_ways() -> None:
    """There are series that fire it, and series that do not."""
    tried: dict[str, set[bool]] = defaultdict(set)
    for test in rule_tests():
        for case in test["alert_rule_test"]:
            tried[case["alertname"]].add(bool(case["exp_alerts"]))

    assert tried == {rule["alert"]: {True, False} for rule in rules()}


def test_each_alert_has_a_summary_and_a_runbook_entry() -> None:
    """Its entry in the runbook is its name in lower case."""
    headings = re.findall(r"^### (\w+)$", RUNBOOK.read_text(), re.MULTILINE)
    assert {rule["alert"] for rule in rules()} >= AGREED
    for rule in rules():
        name = rule["alert"]
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["runbook"] == f"deploy/RUNBOOK.md#{name.lower()}"
        assert name in headings


def test_the_expressions_of_the_dashboard_are_valid(promtool: Path | None, tmp_path: Path) -> None:
    """Prometheus accepts each as a recording rule."""
    recorded = [
        {"record": f"dashboard:expression:{number}", "expr": expression}
        for number, expression in enumerate(expressions().values())
    ]
    file = tmp_path / "dashboard.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))

    assert len(recorded) > 50
    check_with(promtool, "check rules --lint=none", file)


def test_the_panels_do_not_overlap_and_describe_themselves() -> None:
    """They fill the grid; each has a description, a unit and the chosen data source."""
    read = dashboard()
    taken: set[tuple[int, int]] = set()
    for panel in read["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert max(x for x, _ in cells) < WIDTH
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len(taken) == WIDTH * (max(y for _, y in taken) + 1)

    assert len({panel["id"] for panel in read["panels"]}) == len(read["panels"])
    titles = [panel["title"] for panel in read["panels"]]
    assert len(set(titles)) == len(titles)
    for panel in panels():
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert sources == [{"type": "prometheus", "uid": "${datasource}"}] * len(sources)
        assert all(target["legendFormat"] for target in panel["targets"])


def test_every_alert_that_the_dashboard_names_exists() -> None:
    """Descriptions of panels name the alert for the same metric."""
    named = {
        name
        for panel in panels()
        for name in re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b", panel["description"])
    }
    assert named <= {rule["alert"] for rule in rules()}
    assert len(named) > 8


def test_prometheus_scrapes_each_tier_at_its_port() -> None:
    """Rules and dashboard distinguish the tiers by the names of the jobs."""
    read = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())
    compose = yaml.safe_load((FOLDER.parent / "compose.yaml").read_text())
    targets = {
        job["job_name"]: {
            target for static in job["static_configs"] for target in static["targets"]
        }
        for job in read["scrape_configs"]
    }
    assert targets == {
        tier.name: {
            f"{service}:{tier.management_port}"
            for service in compose["services"]
            if re.fullmatch(rf"{tier.name}-\d", service)
        }
        for tier in TIERS
    }
