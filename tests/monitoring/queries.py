"""The queries of the alert rules and the dashboard."""

import json
import re
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # has no types of its own

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "observability"
_OURS = re.compile(r"\b(?:http_server|kafka_consumergroup|catchall|process|python_gc)_\w+")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')

Json = dict[str, Any]


def dashboard() -> Json:
    """Return the dashboard as Grafana reads it."""
    read: Json = json.loads((FOLDER / "dashboard.json").read_text())
    return read


def panels() -> list[Json]:
    """Return the panels, without the headings of rows."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def rules() -> list[Json]:
    """Return the alert rules."""
    read = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
    return [rule for group in read["groups"] for rule in group["rules"]]


def rule_tests() -> list[Json]:
    """Return the tests of the alert rules."""
    read = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text())
    found: list[Json] = read["tests"]
    return found


def expressions() -> dict[str, str]:
    """Return every expression by the name of its place; the dashboard's variables are filled in."""
    found = {rule["alert"]: rule["expr"] for rule in rules()}
    for panel in panels():
        for target in panel["targets"]:
            found[f"{panel['title']} {target['refId']}"] = target["expr"]
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            found[variable["name"]] = re.sub(
                r"label_values\((.*), \w+\)", r"\1", variable["definition"]
            )
    return {name: _filled(expr) for name, expr in found.items()}


def _filled(expression: str) -> str:
    for variable, value in (("__rate_interval", "1m"), ("job", ".*"), ("instance", ".*")):
        expression = expression.replace(f"${variable}", value)
    return expression


def metrics_in(expression: str) -> set[str]:
    """Return the names of our metrics in *expression*."""
    return set(_OURS.findall(_TEXT.sub('""', expression)))
