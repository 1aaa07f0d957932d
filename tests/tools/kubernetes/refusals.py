"""What the server must refuse: pods below the restricted profile, and fields that do not exist."""

import json
from collections.abc import Iterator
from subprocess import CompletedProcess

from tests.tools.kubernetes.cluster import Cluster, Document, require_success
from tests.tools.trial import TrialError, equal

_FORBIDDEN = 'violates PodSecurity "restricted:latest"'
_MISSPELT = {
    "base/ingest.yaml": ("terminationGracePeriodSeconds", "terminationGraceSeconds"),
    "base/scaling.yaml": ("minReplicas", "leastReplicas"),
}


def harmful_pods_are_refused(cluster: Cluster) -> str:
    """A pod of every template is admitted; with a right that it must not have it is refused."""
    workloads = cluster.find("--namespace", "catchall", "deployment,job")
    refused = 0
    for each in workloads:
        name, spec = each["metadata"]["name"], each["spec"]["template"]["spec"]
        require_success(_create(cluster, name, spec), f"a pod of {name}")
        for right, harmful in _harmful(spec):
            done = _create(cluster, name, harmful)
            if done.returncode == 0 or _FORBIDDEN not in done.stderr:
                raise TrialError(f"{name} with {right}: {done.stdout}{done.stderr}")
            refused += 1
    return f"({len(workloads)} admitted, {refused} refused)"


def _create(cluster: Cluster, name: str, spec: Document) -> CompletedProcess[str]:
    """Create a pod as a controller would, up to its storage."""
    metadata = {"name": f"{name}-0", "namespace": "catchall"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    return cluster.attempt("create", "--dry-run=server", "-f", "-", text=json.dumps(pod))


def _harmful(spec: Document) -> Iterator[tuple[str, Document]]:
    """Yield rights that the profile forbids, and the pod with each of them."""
    (container,) = spec["containers"]
    context = spec["securityContext"]
    privileged = container | {"securityContext": {"privileged": True}}
    root = {"name": "root", "hostPath": {"path": "/"}}
    yield "a privileged container", spec | {"containers": [privileged]}
    yield "the machine's files", spec | {"volumes": [*spec.get("volumes", ()), root]}
    yield "the machine's network", spec | {"hostNetwork": True}
    yield "the user root", spec | {"securityContext": context | {"runAsUser": 0}}
    unconfined = {"seccompProfile": {"type": "Unconfined"}}
    yield "all system calls", spec | {"securityContext": context | unconfined}


def misspelt_fields_are_refused(cluster: Cluster) -> str:
    """A misspelt field is an error, so every field of the overlay was understood."""
    for file, (right, wrong) in _MISSPELT.items():
        with cluster.checkout.edited(file, right, wrong):
            done = cluster.attempt("apply", "-k", ".", "--dry-run=server", folder=cluster.place)
            equal(done.returncode, 1, f"status with {wrong}")
            if 'unknown field "' not in done.stderr or wrong not in done.stderr:
                raise TrialError(f"{wrong}: {done.stderr}")
    return ""
