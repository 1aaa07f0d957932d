"""Build overlays as kustomize does, as far as our manifests need it.

An unknown field raises, so nothing is ignored silently. `make deploy-check` compares it with
kustomize, whose build takes nearly a minute of CPU: too much for CI.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # has no types of its own

Document = dict[str, Any]
FOLDER = Path(__file__).resolve().parents[4] / "deploy" / "kubernetes"
_MERGE_KEYS = {"containers": "name", "env": "name", "volumes": "name", "volumeMounts": "mountPath"}
_CLUSTER_WIDE = {"Namespace"}


def documents(path: Path) -> list[Document]:
    """Return deep copies of the documents in a file: YAML anchors would share parts."""
    return [copy.deepcopy(each) for each in yaml.safe_load_all(path.read_text())]


def build(folder: Path, supplied: Mapping[str, str]) -> list[Document]:
    """Return the documents of the overlay in *folder*.

    *supplied* has the files that the operator must provide, by name; a missing one raises.
    """
    plan: dict[str, Any] = yaml.safe_load((folder / "kustomization.yaml").read_text())
    del plan["apiVersion"], plan["kind"]
    found: list[Document] = []
    for name in plan.pop("resources", []):
        path = folder / name
        found += build(path, supplied) if path.is_dir() else documents(path)
    for word, make in (("configMapGenerator", _config_map), ("secretGenerator", _secret)):
        found += [make(folder, each, supplied) for each in plan.pop(word, [])]
    for name in plan.pop("components", []):
        _component(folder / name, found)
    for patch in plan.pop("patches", []):
        _apply(folder, patch, found)
    _apply_fields(plan, found)
    if plan:
        raise ValueError(f"{folder}: unknown fields {sorted(plan)}")
    return found


def _apply_fields(plan: Document, found: list[Document]) -> None:
    """Apply the fields `replicas`, `images` and `namespace`."""
    for replicas in plan.pop("replicas", []):
        _one(found, "Deployment", replicas["name"])["spec"]["replicas"] = replicas["count"]
    images = {each["name"]: each for each in plan.pop("images", [])}
    for container in containers(found):
        if image := images.get(container["image"]):
            container["image"] = f"{image['newName']}:{image['newTag']}"
    if namespace := plan.pop("namespace", None):
        for each in found:
            if each["kind"] not in _CLUSTER_WIDE:
                each["metadata"]["namespace"] = namespace


def containers(found: list[Document]) -> Iterator[Document]:
    """Yield the containers of all pods."""
    for each in found:
        template = each.get("spec", {}).get("template", {})
        yield from template.get("spec", {}).get("containers", [])


def _config_map(folder: Path, plan: Document, supplied: Mapping[str, str]) -> Document:
    pairs: dict[str, str] = {}
    for name in plan["envs"]:
        for line in _text(folder, name, supplied).splitlines():
            key, _, value = line.partition("=")
            pairs[key] = value
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": plan["name"]},
        "data": pairs,
    }


def _secret(folder: Path, plan: Document, supplied: Mapping[str, str]) -> Document:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": plan["name"]},
        "type": "Opaque",
        "stringData": {name: _text(folder, name, supplied) for name in plan["files"]},
    }


def _text(folder: Path, name: str, supplied: Mapping[str, str]) -> str:
    return supplied[name] if name in supplied else (folder / name).read_text()


def _component(folder: Path, found: list[Document]) -> None:
    plan = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert plan.keys() == {"apiVersion", "kind", "patches"}, "unknown fields"
    for patch in plan["patches"]:
        _apply(folder, patch, found)


def _apply(folder: Path, patch: Document, found: list[Document]) -> None:
    (content,) = yaml.safe_load_all((folder / patch["path"]).read_text())
    if isinstance(content, list):
        for each in _targets(patch["target"], found):
            for step in content:
                _step(each, step)
        return
    if "target" in patch:
        targets = _targets(patch["target"], found)
        del content["metadata"]["name"]
    else:
        targets = [_one(found, content["kind"], content["metadata"]["name"])]
    assert targets, f"{folder / patch['path']} changes nothing"
    for each in targets:
        _merge(
            each,
            copy.deepcopy(
                {name: part for name, part in content.items() if name not in {"apiVersion", "kind"}}
            ),
        )


def _targets(target: Document, found: list[Document]) -> list[Document]:
    label, _, value = target.get("labelSelector", "").partition("=")
    return [
        each
        for each in found
        if re.fullmatch(target["kind"], each["kind"])
        and (not label or each["metadata"].get("labels", {}).get(label) == value)
    ]


def _one(found: list[Document], kind: str, name: str) -> Document:
    (one,) = (e for e in found if (e["kind"], e["metadata"]["name"]) == (kind, name))
    return one


def _merge(into: Document, patch: Document) -> None:
    for name, value in patch.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        elif isinstance(value, list) and name in _MERGE_KEYS and name in into:
            key = _MERGE_KEYS[name]
            there = {each[key]: each for each in into[name]}
            for each in value:
                if each[key] in there:
                    _merge(there[each[key]], each)
            into[name] = [each for each in value if each[key] not in there] + into[name]
        elif isinstance(value, list) and name in into:
            raise ValueError(f"merging two lists of {name} is not implemented")
        else:
            into[name] = value


def _step(document: Document, step: Document) -> None:
    """Apply one step of a JSON patch."""
    *way, last = step["path"].strip("/").split("/")
    place: Any = document
    for each in way:
        place = place[int(each)] if isinstance(place, list) else place[each]
    match step["op"]:
        case "test":
            assert place[last] == step["value"], step
        case "replace":
            assert last in place, step
            place[last] = step["value"]
        case op:
            raise ValueError(f"the operation {op!r} is not implemented")
