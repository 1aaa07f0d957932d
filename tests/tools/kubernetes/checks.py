"""What is checked of the manifests, in the order of a reader of the README."""

import base64
from collections.abc import Callable
from pathlib import Path

from tests.tools.kubernetes.checkout import documented, quoted
from tests.tools.kubernetes.cluster import Cluster, Document, require_success
from tests.tools.kubernetes.imitation import imitation_is_exact
from tests.tools.kubernetes.refusals import harmful_pods_are_refused, misspelt_fields_are_refused
from tests.tools.trial import TrialError, equal, wait

_NAMESPACE = ("--namespace", "catchall")
_REPLICAS = 5
_HAVE_KEYS = {"ingest", "query"}
_DATA = "catchall-data"
_ALWAYS = (
    # kustomize breaks the lines of its content.
    "secret/catchall-keys-",
    # Its selector is replaced as a whole.
    "poddisruptionbudget.policy/",
    # So is a list to which the server has added a default.
    "k8ssandracluster.k8ssandra.io/",
)
"""What kubectl sends again at every apply, although there is nothing to change."""


def applied_as_documented(cluster: Cluster) -> str:
    """The commands of the README apply the overlay: every field is valid, nothing is warned of."""
    done = cluster.shell(documented(cluster.overlay), cluster.checkout.root)
    require_success(done, "the commands of the README")
    return f"({len(_versions(cluster, cluster.place))} objects)"


def applied_again(cluster: Cluster) -> str:
    """A second apply changes nothing."""
    _unchanged(cluster, cluster.place)
    return ""


def _unchanged(cluster: Cluster, place: Path) -> None:
    before = _versions(cluster, place)
    equal(_reported(cluster.kubectl("apply", "-k", ".", folder=place)), [], "a second apply")
    equal(_versions(cluster, place), before, "versions of the objects")


def _reported(output: str) -> list[str]:
    """Return what kubectl reports as changed, without what it always reports."""
    lines = [line for line in output.splitlines() if not line.endswith(" unchanged")]
    return [line for line in lines if not line.startswith(_ALWAYS)]


def _versions(cluster: Cluster, place: Path) -> dict[str, str]:
    """Return the version of each object of an overlay: it grows with each change."""
    found = cluster.find("-k", ".", folder=place)
    return {each["metadata"]["uid"]: each["metadata"]["resourceVersion"] for each in found}


def keys_are_replaced(cluster: Cluster) -> str:
    """Changed keys roll ingest and query, with a secret that has them; workers stay."""
    before = _templates(cluster)
    file = cluster.place / "keys.json"
    words = f"new --id another --scope query --file {file}"
    done = cluster.shell(f".venv/bin/python -m deploy.keys {words}", cluster.checkout.root)
    require_success(done, "deploy.keys")
    cluster.kubectl("apply", "-k", ".", folder=cluster.place)
    after = _templates(cluster)
    equal(_changed(before, after), _HAVE_KEYS, "tiers with new pods")
    for tier in _HAVE_KEYS:
        volumes = {each["name"]: each for each in after[tier]["spec"]["volumes"]}
        name = volumes["keys"]["secret"]["secretName"]
        (secret,) = cluster.find(*_NAMESPACE, "secret", f"--field-selector=metadata.name={name}")
        equal(base64.b64decode(secret["data"]["keys.json"]), file.read_bytes(), name)
    return ""


def _templates(cluster: Cluster) -> dict[str, Document]:
    """Return the template of the pods of each Deployment: a changed one replaces the pods."""
    found = cluster.find(*_NAMESPACE, "deployment")
    return {each["metadata"]["name"]: each["spec"]["template"] for each in found}


def _changed(before: dict[str, Document], after: dict[str, Document]) -> set[str]:
    return {name for name in after if after[name] != before[name]}


def replicas_survive(cluster: Cluster) -> str:
    """An apply keeps the number of nodes that an autoscaler has set."""
    scalers = "horizontalpodautoscaler" + (",scaledobject" if cluster.definitions else "")
    found = cluster.find(*_NAMESPACE, scalers)
    scaled = sorted(each["spec"]["scaleTargetRef"]["name"] for each in found)
    for name in scaled:
        cluster.kubectl(*_NAMESPACE, "scale", "deployment", name, f"--replicas={_REPLICAS}")
    cluster.kubectl("apply", "-k", ".", folder=cluster.place)
    replicas = {
        each["metadata"]["name"]: each["spec"]["replicas"]
        for each in cluster.find(*_NAMESPACE, "deployment")
    }
    equal({name: replicas[name] for name in scaled}, dict.fromkeys(scaled, _REPLICAS), "replicas")
    return f"({', '.join(scaled)})"


def settings_are_replaced(cluster: Cluster) -> str:
    """A changed setting rolls every tier; only the old job is refused, until it is deleted."""
    before = _templates(cluster)
    file = f"overlays/{cluster.overlay}/catchall.env"
    with cluster.checkout.edited(file, "KAFKA_REPLICATION_FACTOR=3", "KAFKA_REPLICATION_FACTOR=5"):
        done = cluster.attempt("apply", "-k", ".", folder=cluster.place)
        refused = [line for line in done.stderr.splitlines() if line]
        equal(done.returncode, 1, "status of the apply with the old job")
        if len(refused) != 1 or not refused[0].startswith('The Job "prepare" is invalid'):
            raise TrialError(f"more than the job was refused: {refused}")
        equal(_changed(before, _templates(cluster)), set(before), "tiers with new pods")
        cluster.kubectl(*_NAMESPACE, "delete", "job", "prepare")
        output = cluster.kubectl("apply", "-k", ".", folder=cluster.place)
        equal(_reported(output), ["job.batch/prepare created"], "the apply without the old job")
    return ""


def clients_are_allowed(cluster: Cluster) -> str:
    """The documented label makes a namespace one that the network policies let in."""
    cluster.kubectl("create", "namespace", "theirs")
    command = quoted("kubectl label namespace").replace("THEIRS", "theirs")
    require_success(cluster.shell(command, cluster.folder), command)
    (found,) = cluster.find("namespace", "--field-selector=metadata.name=theirs")
    for tier in ("ingest", "query"):
        name = f"--field-selector=metadata.name=traffic-to-{tier}"
        (policy,) = cluster.find(*_NAMESPACE, "networkpolicy", name)
        (rule,) = policy["spec"]["ingress"]
        (peer,) = rule["from"]
        wanted = peer["namespaceSelector"]["matchLabels"]
        if not wanted.items() <= found["metadata"]["labels"].items():
            raise TrialError(f"{tier} does not let it in: {wanted}")
    return ""


def definitions_are_accepted(cluster: Cluster) -> str:
    """The server takes the definitions of the operators' resources."""
    for file in (file for files in cluster.definitions.values() for file in files):
        cluster.kubectl("create", "-f", str(file))

    def is_served() -> bool:
        # `kubectl wait` fails for a definition that has no condition yet, so it does not wait.
        condition = ("--for=condition=Established", "--timeout=1s")
        done = cluster.attempt("wait", *condition, "customresourcedefinition", "--all")
        return done.returncode == 0

    wait(is_served, 60, "the resources of the operators are served")
    return f"({', '.join(cluster.definitions)})"


def servers_are_applied(cluster: Cluster) -> str:
    """`operators` is applied after the namespace, and again without a change."""
    cluster.kubectl("apply", "-f", str(cluster.checkout.manifests / "base" / "namespace.yaml"))
    place = cluster.checkout.overlay("operators")
    if "K8ssandra" not in cluster.definitions:
        plan = place / "kustomization.yaml"
        plan.write_text(plan.read_text().replace("  - cassandra.yaml\n", ""))
    cluster.kubectl("apply", "-k", ".", folder=place)
    _unchanged(cluster, place)
    return f"({len(_versions(cluster, place))} objects)"


def authority_is_copied(cluster: Cluster) -> str:
    """The documented command copies Strimzi's certificate into our namespace."""
    words = ("create", "secret", "generic", "catchall-cluster-ca-cert")
    cluster.kubectl("--namespace", _DATA, *words, "--from-literal=ca.crt=a certificate")
    command = quoted("kubectl -n catchall create secret generic kafka-ca")
    require_success(cluster.shell(command, cluster.folder), command)
    (copy,) = cluster.find(*_NAMESPACE, "secret", "--field-selector=metadata.name=kafka-ca")
    equal(base64.b64decode(copy["data"]["ca.crt"]), b"a certificate", "kafka-ca")
    return ""


_NODES: tuple[Callable[[Cluster], str], ...] = (
    applied_as_documented,
    applied_again,
    harmful_pods_are_refused,
    misspelt_fields_are_refused,
    keys_are_replaced,
    replicas_survive,
    settings_are_replaced,
)
PLAN = {
    "small": (imitation_is_exact, *_NODES, clients_are_allowed),
    "production": (
        definitions_are_accepted,
        servers_are_applied,
        *_NODES,
        authority_is_copied,
    ),
}
"""The checks of each overlay, each list on a cluster of its own."""
