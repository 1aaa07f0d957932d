"""Which packages the product brings along, beside those that only build and test it."""

from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

Requires = Callable[[str], Iterable[str]]


def closure(requirements: Iterable[str], requires: Requires) -> frozenset[NormalizedName]:
    """Return the names of all that *requirements* need here, directly or not.

    ``requires`` tells what a package asks for, markers included; only those that hold for this
    interpreter and for the extras that were asked for count.
    """
    seen: set[tuple[NormalizedName, str]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in {"", *wanted.extras}:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            waiting += [
                found
                for found in map(Requirement, requires(name))
                if found.marker is None or found.marker.evaluate({"extra": extra})
            ]
    return frozenset(name for name, _ in seen)


def installed(name: str) -> Iterable[str]:
    """Return what the installed package *name* requires."""
    return metadata.requires(name) or ()


def shipped(pyproject: Mapping[str, Any], requires: Requires = installed) -> frozenset[str]:
    """Return the names of all that runs in production, every optional extra included."""
    project = pyproject["project"]
    extras = [text for group in project["optional-dependencies"].values() for text in group]
    return closure([*project["dependencies"], *extras], requires)
