"""The linter's security rules (bandit's) apply to all production code."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[3]
TIERS = ("ingest", "consumer", "query", "shared")
_SECURITY = re.compile(r"S\d*")


def test_no_security_rule_is_off_for_the_tiers() -> None:
    """Neither for the whole project nor for one of their folders."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    assert lint["select"] == ["ALL"]
    assert [rule for rule in lint["ignore"] if _SECURITY.fullmatch(rule)] == []
    weaker = [
        pattern
        for pattern, rules in lint["per-file-ignores"].items()
        if any(_SECURITY.fullmatch(rule) for rule in rules)
    ]
    assert set(weaker) <= {"tests/**", "deploy/**"}


def test_each_exception_from_a_security_rule_has_its_reason() -> None:
    """And names the rule: a bare exception would cover all rules."""
    silent = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for tier in TIERS
        for path in sorted((ROOT / tier).rglob("*.py"))
        for line in path.read_text().splitlines()
        if re.search(r"# noqa(\s*$|:.*\bS\d)", line) and not re.search(r"\bS\d+ [a-z]", line)
    ]
    assert silent == []
