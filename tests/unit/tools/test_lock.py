"""The lock installs the same tested files everywhere."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.unit.deploy.manifests.locks import read_lock

ROOT = Path(__file__).parents[3]
LOCK = ROOT / "requirements.lock"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PINS = [pin for pins in read_lock(LOCK).values() for pin in pins]


def applies(requirement: Requirement, python: str) -> bool:
    """Return True if *requirement* applies to *python*, on this platform."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def test_each_version_is_exact_and_has_hashes() -> None:
    """Otherwise an index decides what is installed."""
    assert PINS
    for pin in PINS:
        assert re.fullmatch(r"==[^*]+", str(Requirement(pin.requirement).specifier)), pin
        assert pin.hashes, pin
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in pin.hashes), pin


def test_the_lock_names_no_index() -> None:
    """Each site has its own; the hash shows that it serves the same file."""
    text = LOCK.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--?(?!hash=)\w", text, re.MULTILINE)


@pytest.mark.parametrize("python", PYTHONS)
def test_each_supported_python_has_one_version_of_each_package(python: str) -> None:
    """A version that pyproject.toml allows, of every package that pyproject.toml lists."""
    pyproject: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed = [
        *pyproject["project"]["dependencies"],
        *(
            text
            for extra in pyproject["project"]["optional-dependencies"].values()
            for text in extra
        ),
        *pyproject["dependency-groups"]["dev"],
    ]
    required = [each for each in map(Requirement, listed) if applies(each, python)]
    locked = [Requirement(pin.requirement) for pin in PINS]
    here = [each for each in locked if applies(each, python)]
    versions = {canonicalize_name(each.name): next(iter(each.specifier)).version for each in here}
    assert len(versions) == len(here)
    for each in required:
        assert each.specifier.contains(versions[canonicalize_name(each.name)]), each
