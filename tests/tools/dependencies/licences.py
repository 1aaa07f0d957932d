"""Under which licences the dependencies stand, and whether we may ship them.

``python -m tests.tools.dependencies.licences`` lists them all; the exit status is 1 if one that is
shipped is not permitted. What is permitted stands in pyproject.toml, ``[tool.catchall.licences]``.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata

import typer
from license_expression import ExpressionError, Licensing
from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression
from packaging.utils import canonicalize_name

from tests.tools.dependencies.closure import shipped
from tests.tools.dependencies.project import read_pyproject

_CLASSIFIER = "License :: OSI Approved :: "
_SPDX = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""What older packages say in place of an SPDX expression."""


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package; ``licence`` is an SPDX expression, or what is said instead of one."""

    name: str
    version: str
    licence: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Which licences are permitted to all, which to one package, and what some fail to declare."""

    permitted: frozenset[str]
    exceptions: Mapping[str, str]
    undeclared: Mapping[str, str]

    def permits(self, package: Package) -> bool:
        """Whether *package* may be shipped: each licence that applies is permitted.

        Where there is a choice, one suffices. A licence that nobody declared is not permitted.
        """
        if self.exceptions.get(package.name) == package.licence:
            return True
        licensing = Licensing()
        try:
            parsed = licensing.parse(package.licence)
        except ExpressionError:
            return False
        return parsed is not None and self._holds(licensing, parsed)

    def _holds(self, licensing: Licensing, node: object) -> bool:
        if isinstance(node, licensing.OR):
            return any(self._holds(licensing, part) for part in node.args)
        if isinstance(node, licensing.AND):
            return all(self._holds(licensing, part) for part in node.args)
        return str(node) in self.permitted


def read_policy() -> Policy:
    """Return the policy of pyproject.toml."""
    table = read_pyproject()["tool"]["catchall"]["licences"]
    return Policy(frozenset(table["permitted"]), table["exceptions"], table["undeclared"])


def licence_of(declared: Mapping[str, str | list[str]], undeclared: Mapping[str, str]) -> str:
    """Return the licence of a package whose metadata are *declared*; "" for none."""
    if expression := declared.get("license_expression"):
        return str(expression)
    names = [
        text.removeprefix(_CLASSIFIER)
        for text in declared.get("classifier", ())
        if text.startswith(_CLASSIFIER)
    ]
    if names:  # All of them: which of them it is, nobody says.
        return " AND ".join(sorted(_SPDX.get(name, name) for name in names))
    if known := undeclared.get(canonicalize_name(str(declared["name"]))):
        return known
    try:
        return canonicalize_license_expression(str(declared.get("license", "")))
    except InvalidLicenseExpression:
        return ""


def packages(policy: Policy) -> Sequence[Package]:
    """Return what is installed here, by name."""
    found = [
        Package(
            canonicalize_name(at.name), at.version, licence_of(at.metadata.json, policy.undeclared)
        )
        for at in metadata.distributions()
    ]
    return sorted(found, key=lambda package: package.name)


def refused(found: Iterable[Package], policy: Policy) -> Sequence[Package]:
    """Return those of *found* that may not be shipped."""
    return [package for package in found if not policy.permits(package)]


def main() -> int:
    """Print two tables, and what may not be shipped."""
    policy, ships = read_policy(), shipped(read_pyproject())
    every = packages(policy)
    production = [package for package in every if package.name in ships]
    tools = [package for package in every if package.name not in ships]
    for title, part in (("shipped", production), ("for building and testing alone", tools)):
        typer.echo(f"{title}:")
        for package in part:
            said = package.licence or "not declared"
            typer.echo(f"  {package.name:<42}{package.version:<18}{said}")
    wrong = refused(production, policy)
    for package in wrong:
        typer.echo(
            f"{package.name} {package.version} may not be shipped: its licence is "
            f"{package.licence or 'not declared'}; pyproject.toml lists what may",
            err=True,
        )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
