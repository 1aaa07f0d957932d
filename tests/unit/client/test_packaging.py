"""What an installation of the project brings."""

import tomllib
from fnmatch import fnmatch
from importlib.metadata import EntryPoint
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())


def test_the_command_is_a_function_of_an_installed_package() -> None:
    """So is each package that it imports of ours."""
    value = PROJECT["project"]["scripts"]["catchall"]
    included = PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]

    assert callable(EntryPoint("catchall", value, "console_scripts").load())
    for package in ("client.commands", "client.logs", "shared.model"):
        assert any(fnmatch(package, pattern) for pattern in included)
