"""What the tiers are told and where they are asked."""

from pathlib import Path

import pytest

from deploy.local import run, tiers
from deploy.servers import backends as servers
from deploy.servers.backends import Servers
from deploy.servers.cluster import Cluster

LOCAL = servers.as_processes(Path("/jdk/bin/java"), Path("/k"), Path("/c"))


def start(nodes: int) -> tuple[Cluster, Servers]:
    """Return a cluster and its servers, which do not run."""
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
    """Topics and keyspace are on all the nodes that were started."""
    told = tiers.environment(*start(nodes))
    assert told["KAFKA_REPLICATION_FACTOR"] == factor
    assert told["KAFKA_MIN_INSYNC_REPLICAS"] == in_sync
    assert told["CASSANDRA_REPLICATION"] == replication
    assert len(told["CASSANDRA_CONTACT_POINTS"].split(",")) == nodes


def test_replication_on_servers_of_others_is_theirs_to_say() -> None:
    """Where the servers are given, replication is left as the environment has it."""
    given = Servers("given", "k:9092", "c:9042", [], [])
    told = tiers.environment(Cluster(Path("/data")), given)
    assert told["KAFKA_BOOTSTRAP_SERVERS"] == "k:9092"
    assert not [name for name in told if "REPLICA" in name]


def test_tiers_have_the_ports_of_the_contract() -> None:
    """Traffic and management are where clients and operators look for them."""
    listened = {
        node.name: [endpoint.port for endpoint in node.plan.endpoints]
        for node in tiers.build_tiers(*start(1))
    }
    assert listened == {"ingest": [8080, 9080], "query": [8081, 9081], "worker": [9082]}


def test_tiers_are_told_the_ports_that_are_checked() -> None:
    """The environment names just the ports that the supervisor reserves and asks."""
    told = tiers.environment(*start(1))
    ports = {int(value) for name, value in told.items() if name.endswith("_PORT")}
    assert ports == {
        endpoint.port for node in tiers.build_tiers(*start(1)) for endpoint in node.plan.endpoints
    }


def test_the_query_node_is_told_whom_to_ask_for_the_pulse() -> None:
    """Every tier's management port, where it listens."""
    told = tiers.environment(*start(1))
    assert told["QUERY_PULSE_TARGETS"].split(",") == [
        str(node.plan.endpoints[-1]) for node in tiers.build_tiers(*start(1))
    ]


def test_welcome_has_one_command_to_copy() -> None:
    """What is to be copied stands on one line, which sends an event and asks for the domain."""
    (line,) = [each for each in run.welcome(Cluster(Path("/data"))) if each.startswith("curl")]
    assert line == (
        "curl -X PUT http://127.0.0.1:8080/events/example.com/bounced && sleep 1 && "
        "curl http://127.0.0.1:8081/domains/example.com"
    )
