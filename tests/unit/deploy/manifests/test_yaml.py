"""All YAML files have one style."""

import subprocess
import sys

from tests.unit.deploy.manifests.dockerfile import ROOT


def test_yamllint_finds_nothing() -> None:
    """The main reason: of duplicate keys the last one wins silently."""
    done = subprocess.run(
        [sys.executable, "-m", "yamllint", "--strict", "deploy"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
