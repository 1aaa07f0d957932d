"""Nothing is shipped under a licence that asks for more than to be named."""

import pytest

from tests.tools.dependencies.closure import shipped
from tests.tools.dependencies.licences import (
    Package,
    Policy,
    licence_of,
    packages,
    read_policy,
    refused,
)
from tests.tools.dependencies.project import read_pyproject

POLICY = Policy(
    frozenset({"MIT", "Apache-2.0"}), {"certificates": "MPL-2.0"}, {"silent": "BSD-3-Clause"}
)


def test_everything_that_is_shipped_is_permitted() -> None:
    """What is installed here; a new dependency under another licence fails until it is judged."""
    ships, policy = shipped(read_pyproject()), read_policy()
    production = [package for package in packages(policy) if package.name in ships]
    assert {package.name for package in production} == ships
    assert refused(production, policy) == []


def test_no_exception_outlives_its_package() -> None:
    """Neither an exception nor a licence that was looked up by hand."""
    policy = read_policy()
    assert shipped(read_pyproject()) >= {*policy.exceptions, *policy.undeclared}


@pytest.mark.parametrize(
    "licence",
    [
        "MIT",
        "MIT AND Apache-2.0",
        "MIT OR GPL-3.0-only",
        "MIT AND (GPL-2.0-or-later OR Apache-2.0)",
    ],
)
def test_what_leaves_a_permitted_choice_is_permitted(licence: str) -> None:
    """Of a choice one suffices."""
    assert POLICY.permits(Package("some", "1", licence))


@pytest.mark.parametrize(
    "licence",
    [
        "MIT AND GPL-3.0-only",
        "GPL-2.0-only WITH Classpath-exception-2.0",
        "AGPL-3.0-or-later",
        "MPL-2.0",
        "GNU General Public License v3 (GPLv3)",
        "Other/Proprietary License",
        "",
    ],
)
def test_each_licence_that_applies_must_be_permitted(licence: str) -> None:
    """What nobody declared, or is no expression, is refused."""
    assert not POLICY.permits(Package("some", "1", licence))


def test_an_exception_is_for_one_package_and_one_licence() -> None:
    """So it ends when the package changes its licence."""
    assert POLICY.permits(Package("certificates", "1", "MPL-2.0"))
    assert not POLICY.permits(Package("certificates", "2", "GPL-3.0-only"))


@pytest.mark.parametrize(
    ("declared", "licence"),
    [
        ({"license_expression": "MIT OR Apache-2.0", "license": "?"}, "MIT OR Apache-2.0"),
        ({"classifier": ["License :: OSI Approved :: MIT License"]}, "MIT"),
        (
            {
                "classifier": [
                    "License :: OSI Approved :: MIT License",
                    "License :: OSI Approved :: Apache Software License",
                ]
            },
            "Apache-2.0 AND MIT",
        ),
        (
            {"classifier": ["License :: OSI Approved :: GNU Affero General Public License v3"]},
            "GNU Affero General Public License v3",
        ),
        ({"classifier": ["Framework :: AsyncIO"], "license": "apache-2.0"}, "Apache-2.0"),
        ({"license": "Permission is hereby granted ..."}, ""),
        ({}, ""),
    ],
)
def test_a_licence_is_read_in_whichever_way_it_is_declared(
    declared: dict[str, str | list[str]], licence: str
) -> None:
    """Expression before classifiers before free text."""
    assert licence_of({"name": "some", **declared}, POLICY.undeclared) == licence


def test_a_licence_that_is_not_declared_may_be_written_down_here() -> None:
    """Somebody has read its file."""
    declared: dict[str, str | list[str]] = {"name": "Silent", "license": "3-Clause BSD License"}
    assert licence_of(declared, POLICY.undeclared) == "BSD-3-Clause"
