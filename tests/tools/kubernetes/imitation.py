"""Compare the unit tests' imitation of kustomize with the original."""

import base64
import re
import shutil
from collections.abc import Iterable

import yaml  # type: ignore[import-untyped]  # has no types of its own

from tests.tools.kubernetes.checkout import Checkout
from tests.tools.kubernetes.cluster import Cluster, Document, require_success
from tests.tools.trial import TrialError, equal
from tests.unit.deploy.manifests.overlays import NODES, SERVERS, overlay

_GENERATED = r"\b(catchall|catchall-keys)-[a-z0-9]{10}\b"
"""A generated name with the hash of its content; the imitation adds none."""


def imitation_is_exact(cluster: Cluster) -> str:
    """The imitation of kustomize, which the unit tests use, builds the same documents."""
    fresh = Checkout(cluster.folder / "fresh")
    for name in (*NODES, SERVERS):
        place = fresh.overlay(name)
        (place / "keys.json").write_text("{}")
        if (example := place / "catchall.env.example").exists():
            shutil.copy(example, place / "catchall.env")
        done = cluster.shell("kustomize build .", place)
        require_success(done, f"kustomize build {name}")
        real = _named(yaml.safe_load_all(re.sub(_GENERATED, r"\1", done.stdout)))
        ours = _named(overlay(name))
        equal(ours.keys(), real.keys(), f"documents of {name}")
        for each, document in real.items():
            if ours[each] != document:
                raise TrialError(f"{name} {each}\nkustomize: {document}\nimitation: {ours[each]}")
    return ""


def _named(documents: Iterable[Document]) -> dict[tuple[str, str], Document]:
    """Return the documents by kind and name, the content of secrets as text."""
    found = {}
    for each in documents:
        if each["kind"] == "Secret" and "data" in each:
            content = each.pop("data").items()
            each["stringData"] = {name: base64.b64decode(text).decode() for name, text in content}
        found[each["kind"], each["metadata"]["name"]] = each
    return found
