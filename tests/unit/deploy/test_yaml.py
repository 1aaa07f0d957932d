"""All that is written in YAML keeps to one style."""

import subprocess
import sys

from tests.unit.deploy.dockerfile import ROOT


def test_yamllint_finds_nothing() -> None:
    """Duplicate keys above all, of which the last would win in silence."""
    done = subprocess.run(
        [sys.executable, "-m", "yamllint", "--strict", "deploy"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
