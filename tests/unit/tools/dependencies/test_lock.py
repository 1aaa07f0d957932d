"""Whoever sets up from the lock gets the files that were tested, from wherever they come."""

import re

import pytest
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from tests.tools.dependencies.project import LOCK, read_lock, read_pyproject

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PINS = read_lock(LOCK.read_text())


def holds(requirement: Requirement, python: str) -> bool:
    """Whether *requirement* is asked for under that Python, whatever the platform."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    return requirement.marker is None or requirement.marker.evaluate(environment)


def test_each_version_is_exact_and_has_hashes() -> None:
    """Without one of them somebody else decides what is installed."""
    loose = [
        pin.requirement
        for pin in PINS
        if not re.fullmatch(r"==[^*]+", str(pin.requirement.specifier))
    ]
    assert loose == []
    without = [
        pin.requirement
        for pin in PINS
        if not pin.hashes or not all(re.fullmatch(r"sha256:[0-9a-f]{64}", at) for at in pin.hashes)
    ]
    assert without == []
    assert len(PINS) > len(read_pyproject()["project"]["dependencies"])


def test_no_line_names_an_index_or_an_address() -> None:
    """Each site has its own; a hash says that it is the same file."""
    text = LOCK.read_text()
    assert "://" not in text
    assert not re.search(r"^\s*--?(?!hash=)\w", text, re.MULTILINE)


@pytest.mark.parametrize("python", PYTHONS)
def test_each_supported_python_has_one_version_of_each_package(python: str) -> None:
    """All that pyproject.toml asks for under it; `make lock` sees to wheels for each of them."""
    pyproject = read_pyproject()
    asked = [
        *pyproject["project"]["dependencies"],
        *(
            text
            for group in pyproject["project"]["optional-dependencies"].values()
            for text in group
        ),
        *pyproject["dependency-groups"]["dev"],
    ]
    wanted = [at for at in map(Requirement, asked) if holds(at, python)]
    locked = [pin.requirement for pin in PINS if holds(pin.requirement, python)]
    versions = {canonicalize_name(at.name): next(iter(at.specifier)).version for at in locked}
    assert len(versions) == len(locked)
    missing = [at for at in wanted if canonicalize_name(at.name) not in versions]
    assert missing == []
    outdated = [
        at for at in wanted if not at.specifier.contains(versions[canonicalize_name(at.name)])
    ]
    assert outdated == []


def test_a_lock_is_read_whole() -> None:
    """Comments are no part of it, markers are, and hashes stand on lines of their own."""
    (first, second) = read_lock(
        "one==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n    # via two\n"
        "two==2 ; python_full_version < '3.12' \\\n    --hash=sha256:cc\n"
    )
    assert (str(first.requirement), first.hashes) == ("one==1.0", ["sha256:aa", "sha256:bb"])
    assert second.requirement.marker is not None
    with pytest.raises(InvalidRequirement):
        read_lock("--index-url https://example.com/simple\n")
