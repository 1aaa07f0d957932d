"""The servers of the example match those that we test with."""

import pytest

from deploy.prepare import KafkaLayout, parse_replication, topics
from deploy.servers import cassandra
from deploy.servers.cluster import Cluster
from shared.config import KafkaConfig
from tests.unit.deploy.manifests import expected
from tests.unit.deploy.manifests.overlays import SERVERS, environment, of_kind, one

WRITES = {"Write", "Describe", "DescribeConfigs"}
READS = {"Read", "Describe"}
RIGHTS = {
    "ingest": {("topic", "catchall-events"): WRITES},
    "worker": {
        ("topic", "catchall-events"): READS,
        ("group", "catchall-workers-internal"): READS,
        ("group", "catchall-workers-internal.accepted-losses"): READS,
        ("topic", "catchall-changes"): WRITES,
        ("topic", "catchall-dead-letters"): WRITES,
    },
    "query": {
        ("topic", "catchall-changes"): READS,
        ("topic", "catchall-events"): {"Describe"},
        ("group", "catchall-workers-internal"): {"Describe"},
    },
    "prepare": {("topic", "catchall-"): {"Create", "Describe", "DescribeConfigs"}},
}


def given() -> dict[str, str]:
    """Return the environment in `production`, which uses these servers."""
    return environment("production", one("production", "Job", "prepare"))


def test_the_versions_are_those_that_we_test_with() -> None:
    """They agree in all three numbers."""
    kafka = one(SERVERS, "Kafka", "catchall")["spec"]["kafka"]
    version = expected.version(expected.IMAGES["kafka"])
    assert kafka["version"] == version
    assert version.startswith(f"{kafka['metadataVersion']}.")
    stores = one(SERVERS, "K8ssandraCluster", "catchall")["spec"]["cassandra"]
    assert stores["serverVersion"] == expected.version(expected.IMAGES["cassandra"])


def test_topics_are_those_that_prepare_would_create(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise durability would depend on which of them runs first."""
    for name, value in given().items():
        if not name.endswith("_FILE"):
            monkeypatch.setenv(name, value)
    monkeypatch.delenv("KAFKA_SECURITY_PROTOCOL")
    monkeypatch.delenv("KAFKA_SASL_USERNAME")
    wanted = {
        each.name: (each.num_partitions, each.replication_factor, each.topic_configs)
        for each in topics(KafkaConfig(), KafkaLayout())
    }
    assert {
        each["metadata"]["name"]: (
            each["spec"]["partitions"],
            each["spec"]["replicas"],
            each["spec"]["config"],
        )
        for each in of_kind(SERVERS, "KafkaTopic")
    } == wanted


@pytest.mark.parametrize("user", RIGHTS)
def test_each_user_has_only_the_rights_it_needs(user: str) -> None:
    """Each has a password, in the cluster and namespace that use it."""
    document = one(SERVERS, "KafkaUser", user)
    assert document["metadata"]["namespace"] == "catchall"
    assert document["metadata"]["labels"] == {"strimzi.io/cluster": "catchall"}
    assert document["spec"]["authentication"] == {"type": "scram-sha-512"}
    found = {
        (acl["resource"]["type"], acl["resource"]["name"]): set(acl["operations"])
        for acl in document["spec"]["authorization"]["acls"]
    }
    assert found == RIGHTS[user]
    assert len(of_kind(SERVERS, "KafkaUser")) == len(RIGHTS)


def test_the_brokers_match_the_settings_of_the_tiers() -> None:
    """There is one listener, with TLS and users, for our pods only."""
    cluster = one(SERVERS, "Kafka", "catchall")
    (listener,) = cluster["spec"]["kafka"]["listeners"]
    assert listener["tls"] is True
    assert listener["authentication"] == {"type": "scram-sha-512"}
    assert listener["networkPolicyPeers"]
    assert cluster["spec"]["kafka"]["authorization"] == {"type": "simple"}
    namespace = cluster["metadata"]["namespace"]
    assert given()["KAFKA_BOOTSTRAP_SERVERS"] == (
        f"{cluster['metadata']['name']}-kafka-bootstrap.{namespace}.svc:{listener['port']}"
    )
    prefix = cluster["spec"]["entityOperator"]["userOperator"]["secretPrefix"]
    assert prefix == "kafka-"
    (pool,) = of_kind(SERVERS, "KafkaNodePool")
    config = cluster["spec"]["kafka"]["config"]
    assert pool["spec"]["replicas"] == config["default.replication.factor"] == 3
    assert config["min.insync.replicas"] == int(given()["KAFKA_MIN_INSYNC_REPLICAS"])
    assert config["auto.create.topics.enable"] is False
    assert config["unclean.leader.election.enable"] is False


def test_cassandra_keeps_acknowledged_writes(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The settings that exact counting needs are those of the nodes that we test with."""
    cluster = one(SERVERS, "K8ssandraCluster", "catchall")
    stores = cluster["spec"]["cassandra"]
    ours = stores["config"]["cassandraYaml"]
    tested = cassandra.settings(Cluster(tmp_path_factory.getbasetemp(), nodes=3), 1)
    for name in (
        "commitlog_sync",
        "commitlog_sync_group_window",
        "concurrent_counter_writes",
        "counter_cache_size",
        "counter_write_request_timeout",
        "unlogged_batch_across_partitions_warn_threshold",
    ):
        assert ours[name] == tested[name]
    assert ours["client_encryption_options"]["enabled"] is True
    assert cluster["spec"]["auth"] is True
    (center,) = stores["datacenters"]
    name = center["metadata"]["name"]
    assert given()["CASSANDRA_LOCAL_DATACENTER"] == name
    replicas = parse_replication(given()["CASSANDRA_REPLICATION"])
    assert replicas == {name: center["size"]}
    assert len(center["racks"]) == center["size"]
    # K8ssandra's schema refuses a shorter name.
    assert all(len(rack["name"]) >= 2 for rack in center["racks"])
    namespace = cluster["metadata"]["namespace"]
    assert given()["CASSANDRA_CONTACT_POINTS"] == (
        f"{cluster['metadata']['name']}-{name}-service.{namespace}.svc:9042"
    )
