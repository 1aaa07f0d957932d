"""What pyproject.toml and requirements.lock say of the dependencies."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
LOCK = ROOT / "requirements.lock"
_HASH = re.compile(r"\s--hash=(\S+)")
_COMMENT = re.compile(r"(^|\s)#.*$")


@dataclass(frozen=True, slots=True)
class Pin:
    """An entry of the lock: one version of one package, and what its files must hash to."""

    requirement: Requirement
    hashes: Sequence[str]


def read_pyproject() -> Mapping[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def read_lock(text: str) -> Sequence[Pin]:
    """Parse what stands in a lock; a line that is no requirement raises InvalidRequirement."""
    lines = [_COMMENT.sub("", line).rstrip() for line in text.splitlines()]
    entries = "\n".join(lines).replace("\\\n", " ").splitlines()
    return [
        Pin(Requirement(_HASH.sub("", entry)), _HASH.findall(entry))
        for entry in entries
        if entry.strip()
    ]
