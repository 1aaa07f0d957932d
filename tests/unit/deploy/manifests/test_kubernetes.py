"""The manifests are valid, and match what the code reads and serves."""

import re
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]  # has no types of its own
import pytest

from query.config import QuerySettings
from tests.unit.deploy.manifests import expected, kustomize
from tests.unit.deploy.manifests.kustomize import Document
from tests.unit.deploy.manifests.overlays import (
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
from tests.unit.deploy.manifests.settings import variables

VERSIONS = ("1.32.0", "1.37.0")
"""The oldest and the newest Kubernetes that the manifests are checked against."""
CUSTOM = {
    ("keda.sh/v1alpha1", "ScaledObject"),
    ("kafka.strimzi.io/v1", "Kafka"),
    ("kafka.strimzi.io/v1", "KafkaNodePool"),
    ("kafka.strimzi.io/v1", "KafkaTopic"),
    ("kafka.strimzi.io/v1", "KafkaUser"),
    ("k8ssandra.io/v1alpha1", "K8ssandraCluster"),
}
"""Custom resources of operators; the validator has no schemas for them."""
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
def test_each_document_matches_the_kubernetes_schema(name: str, version: str) -> None:
    """Unknown fields are errors."""
    for document in overlay(name):
        if (document["apiVersion"], document["kind"]) not in CUSTOM:
            kubernetes_validate.validate(document, version, strict=True)


@pytest.mark.parametrize("name", NODES)
def test_nothing_is_built_without_keys(name: str) -> None:
    """Without a key file the build fails; there is no open system and no well-known example key."""
    with pytest.raises(FileNotFoundError, match=r"keys\.json"):
        kustomize.build(kustomize.FOLDER / "overlays" / name, {"catchall.env": ""})


@pytest.mark.parametrize("name", NODES)
def test_the_repository_has_no_secret_and_no_registry(name: str) -> None:
    """The image's registry is a name that never resolves, so nothing is deployed by accident."""
    assert [each["metadata"]["name"] for each in of_kind(name, "Secret")] == ["catchall-keys"]
    for workload in of_kind(name, "Deployment", "Job"):
        assert container(workload)["image"] == "registry.invalid/catchall:not-set"


@pytest.mark.parametrize("name", NODES)
def test_all_three_tiers_and_prepare_exist(name: str) -> None:
    """Each runs its own module."""
    commands = {each["metadata"]["name"]: container(each)["args"] for each in of_kind(name, "Job")}
    assert commands == {"prepare": ["deploy.prepare"]}
    assert {
        each["metadata"]["name"]: container(each)["args"] for each in of_kind(name, "Deployment")
    } == {tier: [module] for tier, module in expected.MODULES.items()}
    assert all(expected.module_exists(module) for module in expected.MODULES.values())
    assert expected.module_exists("deploy.prepare")


@pytest.mark.parametrize(("name", "workload"), WORKLOADS)
def test_each_variable_exists(name: str, workload: Document) -> None:
    """A misspelt variable would be ignored silently."""
    assert set(environment(name, workload)) <= variables()


@pytest.mark.parametrize(("name", "workload"), WORKLOADS)
def test_each_file_in_a_variable_is_mounted(name: str, workload: Document) -> None:
    """Volumes are read-only, and no volume is unused."""
    mounts = {each["mountPath"]: each for each in container(workload).get("volumeMounts", [])}
    files = [v for k, v in environment(name, workload).items() if k.endswith("_FILE")]
    assert {path.rpartition("/")[0] for path in files} == mounts.keys()
    volumes = {each["name"]: each for each in pod(workload).get("volumes", [])}
    assert {each["name"] for each in mounts.values()} == volumes.keys()
    for path in files:
        folder, _, file = path.rpartition("/")
        assert mounts[folder]["readOnly"] is True
        secret = volumes[mounts[folder]["name"]]["secret"]
        assert secret["defaultMode"] == 0o440  # for our group only, by fsGroup
        assert file in [item["path"] for item in secret.get("items", [])] or "items" not in secret


@pytest.mark.parametrize(("name", "workload"), DEPLOYMENTS)
def test_a_node_listens_on_its_agreed_ports(name: str, workload: Document) -> None:
    """Container ports, variables and services agree."""
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
    assert host == "0.0.0.0"  # noqa: S104 the address of a pod is not known in advance
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
def test_each_probe_requests_a_path_that_exists(name: str, workload: Document) -> None:
    """Probes use the management port, over TLS if the node has a certificate."""
    tls = "TLS_CERTIFICATE_FILE" in environment(name, workload)
    probes = {
        "startupProbe": "/livez",
        "livenessProbe": "/livez",
        "readinessProbe": "/readyz",
    }
    for probe, path in probes.items():
        request = container(workload)[probe]["httpGet"]
        assert request["path"] == path
        assert path in expected.served_paths()
        assert request["port"] == "management"
        assert request.get("scheme", "HTTP") == ("HTTPS" if tls else "HTTP")
    scraped = workload["spec"]["template"]["metadata"]["annotations"]
    assert scraped["prometheus.io/path"] in expected.served_paths()
    assert int(scraped["prometheus.io/port"]) == expected.PORTS[workload["metadata"]["name"]][1]
    assert scraped.get("prometheus.io/scheme", "http") == ("https" if tls else "http")


@pytest.mark.parametrize(("name", "workload"), DEPLOYMENTS)
def test_a_node_has_time_for_a_clean_stop(name: str, workload: Document) -> None:
    """The grace period covers the pause for load balancers and the drain."""
    pause = container(workload)["lifecycle"]["preStop"]["sleep"]["seconds"]
    grace = pod(workload)["terminationGracePeriodSeconds"]
    tier = workload["metadata"]["name"]
    drains = [key for key in environment(name, workload) if key.endswith("DRAIN_SECONDS")]
    assert not drains, "the grace period is computed with the defaults"
    assert pause > 0
    assert grace > pause + expected.needed_seconds(tier)


@pytest.mark.parametrize(("name", "workload"), DEPLOYMENTS)
def test_a_rollout_adds_a_node_before_it_removes_one(name: str, workload: Document) -> None:
    """Draining a machine also removes only one node of a tier at a time."""
    assert workload["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    budget = one(name, "PodDisruptionBudget", workload["metadata"]["name"])["spec"]
    assert budget["maxUnavailable"] == 1
    assert selects(budget["selector"], labels(workload))
    assert selects(workload["spec"]["selector"], labels(workload))


@pytest.mark.parametrize(("name", "workload"), DEPLOYMENTS)
def test_nodes_of_a_tier_are_spread(name: str, workload: Document) -> None:
    """Over zones and machines; in production this is strict, so a node may have to wait."""
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
    """Also: read-only root, no API token, no environment variables of services."""
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
    """Manifests set no replicas: each apply would undo what the autoscaler did."""
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"]
        for each in of_kind(name, "HorizontalPodAutoscaler")
    }
    assert scaled.keys() == {"ingest", "query"}
    for tier, spec in scaled.items():
        assert "replicas" not in one(name, "Deployment", tier)["spec"]
        assert 2 <= spec["minReplicas"] < spec["maxReplicas"]


def test_workers_grow_with_their_lag_up_to_the_partitions() -> None:
    """More workers than partitions would be idle and cost a rebalance."""
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
def test_the_pulse_reads_every_tier(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It uses headless services; their names resolve to all pods."""
    given = environment(name, one(name, "Deployment", "query"))
    monkeypatch.setenv("QUERY_PULSE_TARGETS", given["QUERY_PULSE_TARGETS"])
    found = QuerySettings().pulse_addresses
    assert set(found) == {(f"{t}-management", m) for t, (_, m) in expected.PORTS.items()}
    for host, _ in found:
        spec: Any = one(name, "Service", host)["spec"]
        assert spec["clusterIP"] == "None"
        assert spec["publishNotReadyAddresses"] is True


def test_each_tier_has_its_own_user() -> None:
    """In production all connections use TLS; ingest nodes have no role in Cassandra."""
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
def test_no_example_value_is_left(name: str) -> None:
    """Only the file that the operator copies may contain `example`."""
    for document in overlay(name):
        if (document["kind"], name) != ("ConfigMap", "small"):
            assert not re.search(r"\bexample\b", str(document)), document["metadata"]
