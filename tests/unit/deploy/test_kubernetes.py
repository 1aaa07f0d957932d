"""The manifests are what Kubernetes takes, and what the code reads and serves."""

import re
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # has no types of its own
import pytest

from query.config import QuerySettings
from tests.unit.deploy import expected, kustomize
from tests.unit.deploy.kustomize import Document
from tests.unit.deploy.overlays import (
    COMPONENT,
    NODES,
    SERVERS,
    container,
    environment,
    labels,
    of_kind,
    one,
    overlay,
    pod,
    selects,
)
from tests.unit.deploy.settings import variables

VERSIONS = ("1.32.0", "1.37.0")
"""The oldest and the newest Kubernetes that the manifests are held to."""
CUSTOM = {
    ("keda.sh/v1alpha1", "ScaledObject"),
    ("kafka.strimzi.io/v1", "Kafka"),
    ("kafka.strimzi.io/v1", "KafkaNodePool"),
    ("kafka.strimzi.io/v1", "KafkaTopic"),
    ("kafka.strimzi.io/v1", "KafkaUser"),
    ("k8ssandra.io/v1alpha1", "K8ssandraCluster"),
}
"""What operators bring, of which the validator has no schema."""
DEPLOYMENTS = [
    pytest.param(name, each, id=f"{name}-{each['metadata']['name']}")
    for name in NODES
    for each in of_kind(name, "Deployment")
]
WORKLOADS = [
    pytest.param(name, each, id=f"{name}-{each['metadata']['name']}")
    for name in NODES
    for each in of_kind(name, "Deployment", "Job")
]


@pytest.mark.parametrize("name", [*NODES, SERVERS])
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_each_document(name: str, version: str) -> None:
    """By the API's own schema, without a field that it does not know."""
    for document in overlay(name):
        if (document["apiVersion"], document["kind"]) not in CUSTOM:
            kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("name", NODES)
def test_nothing_is_built_without_keys(name: str) -> None:
    """Whoever forgets them gets no open system, and no example that somebody knows."""
    with pytest.raises(FileNotFoundError, match=r"keys\.json"):
        kustomize.build(kustomize.FOLDER / "overlays" / name, {"catchall.env": ""})


@pytest.mark.parametrize("name", NODES)
def test_no_secret_and_no_image_stands_in_the_repository(name: str) -> None:
    """The image's registry is a name that no resolver ever knows; so is nothing deployed as is."""
    assert [each["metadata"]["name"] for each in of_kind(name, "Secret")] == ["catchall-keys"]
    for workload in of_kind(name, "Deployment", "Job"):
        assert container(workload)["image"] == "registry.invalid/catchall:not-set"


@pytest.mark.parametrize("name", NODES)
def test_all_three_tiers_are_there_and_prepared(name: str) -> None:
    """Each runs the module that is its own."""
    commands = {each["metadata"]["name"]: container(each)["args"] for each in of_kind(name, "Job")}
    assert commands == {"prepare": ["deploy.prepare"]}
    assert {
        each["metadata"]["name"]: container(each)["args"] for each in of_kind(name, "Deployment")
    } == {tier: [module] for tier, module in expected.MODULES.items()}
    assert all(expected.module_exists(module) for module in expected.MODULES.values())
    assert expected.module_exists("deploy.prepare")


@pytest.mark.parametrize(("name", "workload"), WORKLOADS)
def test_each_variable_is_read(name: str, workload: Document) -> None:
    """A misspelt one would be ignored in silence."""
    assert set(environment(name, workload)) <= variables()


@pytest.mark.parametrize(("name", "workload"), WORKLOADS)
def test_each_file_that_a_variable_names_is_mounted(name: str, workload: Document) -> None:
    """In a volume of the pod, read-only, and nothing is mounted that nobody reads."""
    mounts = {each["mountPath"]: each for each in container(workload).get("volumeMounts", [])}
    files = [v for k, v in environment(name, workload).items() if k.endswith("_FILE")]
    assert {path.rpartition("/")[0] for path in files} == mounts.keys()
    volumes = {each["name"]: each for each in pod(workload).get("volumes", [])}
    assert {each["name"] for each in mounts.values()} == volumes.keys()
    for path in files:
        folder, _, file = path.rpartition("/")
        assert mounts[folder]["readOnly"] is True
        secret = volumes[mounts[folder]["name"]]["secret"]
        assert secret["defaultMode"] == 0o440  # our group alone, by fsGroup
        assert file in [item["path"] for item in secret.get("items", [])] or "items" not in secret


@pytest.mark.parametrize(("name", "workload"), DEPLOYMENTS)
def test_a_node_listens_where_it_is_looked_for(name: str, workload: Document) -> None:
    """Ports of the container, its variables and the services are those of the documents."""
    tier = workload["metadata"]["name"]
    port, management = expected.PORTS[tier]
    wanted = {"http": port, "management": management} if port else {"management": management}
    named = {each["name"]: each["containerPort"] for each in container(workload)["ports"]}
    assert named == wanted
    prefix = {"worker": "CONSUMER"}.get(tier, tier.upper())
    given = environment(name, workload)
    assert given[f"{prefix}_MANAGEMENT_PORT"] == str(management)
    assert given.get(f"{prefix}_HTTP_PORT") == (str(port) if port else None)
    host = given["CONSUMER_MANAGEMENT_HOST" if tier == "worker" else f"{prefix}_HTTP_HOST"]
    assert host == "0.0.0.0"  # noqa: S104 a pod's address is not known before
    services = {
        each["metadata"]["name"]: each["spec"]
        for each in of_kind(name, "Service")
        if selects({"matchLabels": each["spec"]["selector"]}, labels(workload))
    }
    names = {tier, f"{tier}-management"} if port else {f"{tier}-management"}
    assert services.keys() == names
    for spec in services.values():
        (one_port,) = spec["ports"]
        assert one_port["port"] == named[one_port["targetPort"]]


@pytest.mark.parametrize(("name", "workload"), DEPLOYMENTS)
def test_each_probe_asks_for_what_is_served(name: str, workload: Document) -> None:
    """At the management port, over TLS where the node has a certificate."""
    tls = "TLS_CERTIFICATE_FILE" in environment(name, workload)
    probes = {
        "startupProbe": "/livez",
        "livenessProbe": "/livez",
        "readinessProbe": "/readyz",
    }
    for probe, path in probes.items():
        asked = container(workload)[probe]["httpGet"]
        assert asked["path"] == path
        assert path in expected.served_paths()
        assert asked["port"] == "management"
        assert asked.get("scheme", "HTTP") == ("HTTPS" if tls else "HTTP")
    scraped = workload["spec"]["template"]["metadata"]["annotations"]
    assert scraped["prometheus.io/path"] in expected.served_paths()
    assert int(scraped["prometheus.io/port"]) == expected.PORTS[workload["metadata"]["name"]][1]
    assert scraped.get("prometheus.io/scheme", "http") == ("https" if tls else "http")


@pytest.mark.parametrize(("name", "workload"), DEPLOYMENTS)
def test_a_node_has_the_time_to_end_well(name: str, workload: Document) -> None:
    """After the pause in which balancers hear of it; who is killed leaves events unanswered."""
    pause = container(workload)["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = pod(workload)["terminationGracePeriodSeconds"]
    tier = workload["metadata"]["name"]
    drains = [key for key in environment(name, workload) if key.endswith("DRAIN_SECONDS")]
    assert not drains, "the grace below is reckoned with what they are by themselves"
    assert pause > 0
    assert grace > pause + expected.needed_seconds(tier)


@pytest.mark.parametrize(("name", "workload"), DEPLOYMENTS)
def test_a_rollout_never_takes_away_before_it_adds(name: str, workload: Document) -> None:
    """One node more while it lasts; and a drained machine takes one node of a tier at a time."""
    assert workload["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    budget = one(name, "PodDisruptionBudget", workload["metadata"]["name"])["spec"]
    assert budget["maxUnavailable"] == 1
    assert selects(budget["selector"], labels(workload))
    assert selects(workload["spec"]["selector"], labels(workload))


@pytest.mark.parametrize(("name", "workload"), DEPLOYMENTS)
def test_nodes_of_a_tier_are_spread(name: str, workload: Document) -> None:
    """Over zones and machines; in production a node waits rather than sit beside another."""
    spread = pod(workload)["topologySpreadConstraints"]
    assert [each["topologyKey"] for each in spread] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    for each in spread:
        assert selects(each["labelSelector"], labels(workload))
        strict = {"production": "DoNotSchedule"}.get(name, "ScheduleAnyway")
        assert each["whenUnsatisfiable"] == strict


@pytest.mark.parametrize(("name", "workload"), WORKLOADS)
def test_each_pod_is_admitted_by_the_restricted_profile(name: str, workload: Document) -> None:
    """And more: a root that is read-only, no token, no variables made of services' names."""
    (namespace,) = of_kind(name, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    of_pod = pod(workload)
    assert of_pod["automountServiceAccountToken"] is False
    assert of_pod["enableServiceLinks"] is False
    assert of_pod["securityContext"]["runAsNonRoot"] is True
    assert of_pod["securityContext"]["runAsUser"] == 65532
    assert of_pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not of_pod.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
    assert container(workload)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "privileged": False,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all(volume.keys() == {"name", "secret"} for volume in of_pod.get("volumes", []))
    resources = container(workload)["resources"]
    assert resources["limits"]["memory"]
    assert resources["requests"].keys() >= {"cpu", "memory"}


@pytest.mark.parametrize("name", NODES)
def test_the_http_tiers_grow_with_their_load(name: str) -> None:
    """Nobody else says how many there are: each apply would undo what the autoscaler did."""
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]
        for each in of_kind(name, "HorizontalPodAutoscaler")
    }
    assert scaled.keys() == {"ingest", "query"}
    for tier, spec in scaled.items():
        assert "replicas" not in one(name, "Deployment", tier)["spec"]
        assert 2 <= spec["minReplicas"] < spec["maxReplicas"]


def test_workers_grow_with_their_lag_up_to_the_partitions() -> None:
    """One more than partitions would idle, and cost a rebalance."""
    scaled = one("production", "ScaledObject", "worker")["spec"]
    worker = one("production", "Deployment", "worker")
    assert scaled["scaleTargetRef"]["name"] == "worker"
    assert "replicas" not in worker["spec"]
    partitions = int(environment("production", worker)["KAFKA_PARTITIONS"])
    assert 2 <= scaled["minReplicaCount"] < scaled["maxReplicaCount"] <= partitions
    (trigger,) = scaled["triggers"]
    query: str = trigger["metadata"]["query"]
    assert f'group="{QuerySettings.model_fields["pulse_group"].default}"' in query
    assert one("small", "Deployment", "worker")["spec"]["replicas"] >= 2


@pytest.mark.parametrize("name", NODES)
def test_the_pulse_asks_every_tier(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By services without an address of their own, whose names stand for all pods."""
    given = environment(name, one(name, "Deployment", "query"))
    monkeypatch.setenv("QUERY_PULSE_TARGETS", given["QUERY_PULSE_TARGETS"])
    found = QuerySettings().pulse_addresses
    assert set(found) == {(f"{t}-management", m) for t, (_, m) in expected.PORTS.items()}
    for host, _ in found:
        spec: Any = one(name, "Service", host)["spec"]
        assert spec["clusterIP"] == "None"
        assert spec["publishNotReadyAddresses"] is True


def test_tiers_speak_to_servers_as_users_of_their_own() -> None:
    """In production, over TLS; an ingest node has nothing to say to Cassandra."""
    for workload in of_kind("production", "Deployment", "Job"):
        tier = labels(workload)[COMPONENT]
        given = environment("production", workload)
        assert given["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
        assert given["KAFKA_SASL_USERNAME"] == tier
        secrets = {each["secret"]["secretName"] for each in pod(workload)["volumes"]}
        assert f"kafka-{tier}" in secrets
        if tier == "ingest":
            assert not any("cassandra" in each for each in secrets)
        else:
            assert given["CASSANDRA_USERNAME"] == tier
            assert f"cassandra-{tier}" in secrets
            assert "CASSANDRA_CA_FILE" in given


@pytest.mark.parametrize("name", [*NODES, SERVERS])
def test_no_word_of_an_example_is_left(name: str) -> None:
    """`example` is a name of nobody; only the file that is to be copied may say it."""
    for document in overlay(name):
        if (document["kind"], name) != ("ConfigMap", "small"):
            assert not re.search(r"\bexample\b", str(document)), document["metadata"]
