"""Read a requirements file with hashes."""

import re
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement


@dataclass(frozen=True, slots=True)
class Pin:
    """One version of a package, for the Python versions that its marker selects."""

    requirement: str
    hashes: frozenset[str]


def read_lock(path: Path) -> dict[str, set[Pin]]:
    """Return the pins of each package."""
    text = re.sub(r"#.*", "", path.read_text()).replace("\\\n", " ")
    found: dict[str, set[Pin]] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        requirement, *hashes = line.split("--hash=")
        pin = Pin(requirement.strip(), frozenset(each.strip() for each in hashes))
        found.setdefault(Requirement(pin.requirement).name, set()).add(pin)
    return found
