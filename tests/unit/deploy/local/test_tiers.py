"""The environment and the ports of the tiers."""

from pathlib import Path

import pytest

from deploy.local import run, tiers
from deploy.servers import backends as servers
from deploy.servers.backends import Servers
from deploy.servers.cluster import Cluster
from shared.http import loopback

LOCAL = servers.as_processes(Path("/jdk/bin/java"), Path("/k"), Path("/c"))


def start(nodes: int) -> tuple[Cluster, Servers]:
    """Return a cluster and its servers, not started."""
    cluster = Cluster(Path("/data"), nodes)
    return cluster, servers.build_servers(cluster, LOCAL)


@pytest.mark.parametrize(
    ("nodes", "factor", "in_sync", "replication"),
    [(1, "1", "1", "datacenter1:1"), (3, "3", "2", "datacenter1:3")],
)
def test_replication_fits_the_servers(
    nodes: int,
    factor: str,
    in_sync: str,
    replication: str,
) -> None:
    """Topics and keyspace are replicated to all started nodes."""
    variables = tiers.environment(*start(nodes))
    assert variables["KAFKA_REPLICATION_FACTOR"] == factor
    assert variables["KAFKA_MIN_INSYNC_REPLICAS"] == in_sync
    assert variables["CASSANDRA_REPLICATION"] == replication
    assert len(variables["CASSANDRA_CONTACT_POINTS"].split(",")) == nodes


def test_replication_on_given_servers_is_left_to_the_environment() -> None:
    """No replication is set for servers that were not started here."""
    given = Servers("given", "k:9092", "c:9042", [], [])
    variables = tiers.environment(Cluster(Path("/data")), given)
    assert variables["KAFKA_BOOTSTRAP_SERVERS"] == "k:9092"
    assert not [name for name in variables if "REPLICA" in name]


def test_tiers_have_the_documented_ports() -> None:
    """Clients and operators use these ports."""
    listened = {
        node.name: [endpoint.port for endpoint in node.plan.endpoints]
        for node in tiers.build_tiers(*start(1))
    }
    assert listened == {"ingest": [8080, 9080], "query": [8081, 9081], "worker": [9082]}


def test_tiers_listen_on_the_ports_that_are_checked() -> None:
    """The environment sets exactly the ports that are checked before the start and probed."""
    variables = tiers.environment(*start(1))
    ports = {int(value) for name, value in variables.items() if name.endswith("_PORT")}
    assert ports == {
        endpoint.port for node in tiers.build_tiers(*start(1)) for endpoint in node.plan.endpoints
    }


@pytest.mark.parametrize(
    ("prefix", "missing", "hosts"),
    [
        ("127.0.0", "", {"127.0.0.1", "::1"}),
        ("127.0.0", "::1", {"127.0.0.1"}),
        ("127.9.9", "", {"127.9.9.1"}),
    ],
)
def test_tiers_listen_on_both_loopbacks(
    monkeypatch: pytest.MonkeyPatch, prefix: str, missing: str, hosts: set[str]
) -> None:
    """Unless the machine has no IPv6, or another address was chosen; all ports are checked."""
    monkeypatch.setattr(loopback, "_exists", lambda address: address != missing)
    cluster = Cluster(Path("/data"), 1, prefix)
    assert {endpoint.host for endpoint in tiers.listened(cluster)} == hosts
    host = tiers.environment(cluster, Servers("given", "k:1", "c:1", [], []))["QUERY_HTTP_HOST"]
    assert host == ("localhost" if prefix == "127.0.0" else f"{prefix}.1")


def test_the_query_node_reads_the_pulse_of_every_tier() -> None:
    """It has the address of every management port."""
    variables = tiers.environment(*start(1))
    assert variables["QUERY_PULSE_TARGETS"].split(",") == [
        str(node.plan.endpoints[-1]) for node in tiers.build_tiers(*start(1))
    ]


def test_welcome_has_one_command_to_copy() -> None:
    """The command is one line; it sends an event and reads the domain."""
    (line,) = [each for each in run.welcome(Cluster(Path("/data"))) if each.startswith("curl")]
    assert line == (
        "curl -X PUT http://127.0.0.1:8080/events/example.com/bounced && sleep 1 && "
        "curl http://127.0.0.1:8081/domains/example.com"
    )
