"""Our overlays, built once for all tests."""

from functools import cache
from typing import Any

from tests.unit.deploy.manifests import kustomize
from tests.unit.deploy.manifests.kustomize import Document

NODES = ("small", "production")
"""The overlays that run our tiers. The third overlay has the servers for `production`."""
SERVERS = "operators"
NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"


@cache
def overlay(name: str) -> list[Document]:
    """Return the documents of an overlay, with the files that the operator must provide."""
    folder = kustomize.FOLDER / "overlays" / name
    made = {"keys.json": "{}"}
    example = folder / "catchall.env.example"
    if example.exists():
        made["catchall.env"] = example.read_text()
    return kustomize.build(folder, made)


def of_kind(name: str, *kinds: str) -> list[Document]:
    """Return the documents of these kinds."""
    return [each for each in overlay(name) if each["kind"] in kinds]


def one(name: str, kind: str, called: str) -> Document:
    """Return the one document of that kind and name."""
    (found,) = (each for each in of_kind(name, kind) if each["metadata"]["name"] == called)
    return found


def pod(workload: Document) -> Document:
    """Return the pod specification of *workload*."""
    found: Document = workload["spec"]["template"]["spec"]
    return found


def container(workload: Document) -> Document:
    """Return the only container of its pods."""
    (found,) = pod(workload)["containers"]
    result: Document = found
    return result


def labels(workload: Document) -> dict[str, str]:
    """Return the labels of its pods."""
    found: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return found


def selects(selector: Document, of: dict[str, str]) -> bool:
    """Return whether a label selector selects pods with the labels *of*."""
    assert selector.keys() <= {"matchLabels", "matchExpressions"}
    for rule in selector.get("matchExpressions", []):
        assert rule["operator"] == "In"
        if of.get(rule["key"]) not in rule["values"]:
            return False
    return all(of.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def environment(name: str, workload: Document) -> dict[str, Any]:
    """Return all environment variables of its container."""
    given: dict[str, Any] = {}
    for source in container(workload).get("envFrom", []):
        given |= one(name, "ConfigMap", source["configMapRef"]["name"])["data"]
    return given | {each["name"]: each["value"] for each in container(workload).get("env", [])}
