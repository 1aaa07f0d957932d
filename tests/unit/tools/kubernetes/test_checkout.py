"""What is run is what the README gives."""

from pathlib import Path

import pytest

from tests.tools.kubernetes.checkout import Checkout, documented, quoted
from tests.tools.trial import TrialError


def test_the_commands_of_an_overlay_are_those_of_the_readme() -> None:
    """A reader of `production` has its settings, and needs keys and an image as well."""
    small, production = documented("small").splitlines(), documented("production").splitlines()
    assert [small[0], small[-1]] == ["cd deploy/kubernetes/overlays/small", "kubectl apply -k ."]
    assert [
        line.replace("small", "production") for line in small if line[:3] != "cp "
    ] == production
    assert "YOUR-REGISTRY" not in "".join(small)


def test_a_quoted_command_is_whole() -> None:
    """It ends with its own quotation mark, not with one of the shell."""
    assert (
        quoted("kubectl label namespace") == "kubectl label namespace THEIRS catchall/client=true"
    )


def test_a_changed_manifest_is_restored(tmp_path: Path) -> None:
    """An edit that would change nothing is an error: its check would prove nothing."""
    checkout = Checkout(tmp_path / "checkout")
    file = checkout.manifests / "base" / "worker.yaml"
    before = file.read_text()
    with checkout.edited("base/worker.yaml", "minReadySeconds", "minReadySecond"):
        assert file.read_text() != before
    assert file.read_text() == before
    with pytest.raises(TrialError), checkout.edited("base/worker.yaml", "nowhere", ""):
        pass
