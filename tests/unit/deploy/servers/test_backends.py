"""Which servers are used, their settings, and equal plans for containers and processes."""

from pathlib import Path

import pytest

from consumer.counter_store import MAX_ROWS
from deploy.downloads import jars
from deploy.processes.errors import ServersError
from deploy.processes.node import Plan
from deploy.servers import backends as servers
from deploy.servers import cassandra, docker, kafka
from deploy.servers.backends import Backend
from deploy.servers.cluster import Cluster, CommitLog
from deploy.servers.profile import BENCH

LOCAL = servers.as_processes(Path("/jdk/bin/java"), Path("/jars/kafka"), Path("/jars/cassandra"))
DOCKER = servers.in_docker("28.0")
_COUNTERS = 3
"""The counter columns of a row, each with a lock of its own."""
BOTH = {"KAFKA_BOOTSTRAP_SERVERS": "k1:9092,k2:9092", "CASSANDRA_CONTACT_POINTS": "c1:9042"}


def cluster(nodes: int = 1, prefix: str = "127.0.0") -> Cluster:
    """Return a cluster whose folders are never created."""
    return Cluster(Path("/data"), nodes, prefix)


def plans(backend: Backend, nodes: int) -> list[Plan]:
    """Return the plans that *backend* would start."""
    return [node.plan for node in servers.build_servers(cluster(nodes), backend).nodes]


@pytest.mark.parametrize("nodes", [1, 3])
def test_both_backends_start_the_same_commands(nodes: int) -> None:
    """Files, folders, addresses and command lines differ only in the paths of Java and the jars."""
    places = {
        DOCKER.kafka_libraries: LOCAL.kafka_libraries,
        DOCKER.cassandra_libraries: LOCAL.cassandra_libraries,
    }

    def as_local(argument: str) -> str:
        for image, local in places.items():
            argument = argument.replace(image, local)
        return LOCAL.java if argument == DOCKER.java else argument

    for inside, outside in zip(plans(DOCKER, nodes), plans(LOCAL, nodes), strict=True):
        assert inside.files == outside.files
        assert inside.endpoints == outside.endpoints
        for mine, theirs in ((inside.command, outside.command), (inside.setup, outside.setup)):
            assert (mine is None) == (theirs is None)
            if mine is not None and theirs is not None:
                assert tuple(map(as_local, mine.arguments)) == theirs.arguments
                assert (mine.log, mine.folder) == (theirs.log, theirs.folder)


@pytest.mark.parametrize("nodes", [1, 3])
def test_containers_have_the_folder_and_network_of_processes(nodes: int) -> None:
    """A container has the host's network, and the node's folder at the same path."""
    for plan in plans(DOCKER, nodes):
        options = docker.arguments(plan.command)
        folder = str(plan.command.folder)
        assert options["network"] == "host"
        assert options["volumes"] == {folder: {"bind": folder, "mode": "rw"}}
        assert options["command"] == list(plan.command.arguments)
        assert options["entrypoint"][-1] == str(plan.command.log)
        assert plan.command.log.is_relative_to(folder)
        assert all(path.is_relative_to(folder) for path in plan.files)


def test_images_have_the_versions_of_the_jars() -> None:
    """Containers and local JVMs run the same versions."""
    (_, _, kafka_version), *_ = jars.KAFKA.coordinates
    ((_, _, cassandra_version),) = jars.CASSANDRA.coordinates
    assert {plan.command.image for plan in plans(DOCKER, 1)} == {
        f"apache/kafka:{kafka_version}",
        f"cassandra:{cassandra_version}",
    }


@pytest.mark.parametrize(("nodes", "replicas", "majority"), [(1, "1", "1"), (3, "3", "2")])
def test_kafka_keeps_acknowledged_records(nodes: int, replicas: str, majority: str) -> None:
    """All topics are replicated to every broker, and a majority must have each record."""
    chosen = kafka.settings(cluster(nodes), 1)
    replication = {
        key: value for key, value in chosen.items() if key.endswith("replication.factor")
    }
    assert len(replication) == 4
    assert set(replication.values()) == {replicas}
    in_sync = ("min.insync.replicas", "transaction.state.log.min.isr")
    assert {chosen[key] for key in in_sync} == {majority}
    assert chosen["unclean.leader.election.enable"] == "false"
    assert chosen["auto.create.topics.enable"] == "false"
    assert len(chosen["controller.quorum.voters"].split(",")) == nodes


def test_the_commit_log_is_grouped_by_default() -> None:
    """Writes are on disk before they are acknowledged; the unsafe mode is explicit."""
    grouped = cassandra.settings(cluster(), 1)
    assert grouped["commitlog_sync"] == "group"
    assert grouped["commitlog_sync_group_window"] == "10ms"
    unsafe = Cluster(Path("/data"), commit_log=CommitLog.PERIODIC)
    periodic = cassandra.settings(unsafe, 1)
    assert periodic["commitlog_sync"] == "periodic"
    assert "commitlog_sync_group_window" not in periodic


def test_counter_writes_end_before_the_client_gives_up() -> None:
    """The server's counter timeout is below the client's 4 s."""
    chosen = cassandra.settings(cluster(), 1)
    assert chosen["counter_write_request_timeout"] == "2000ms"


def test_counter_writes_seldom_share_a_lock() -> None:
    """Two of the largest writes. Cassandra has 1,024 locks for each thread of counters."""
    locks = 1024 * int(str(cassandra.settings(cluster(), 1)["concurrent_counter_writes"]))
    assert (_COUNTERS * MAX_ROWS) ** 2 / locks < 0.2


def test_tokens_are_spread_evenly() -> None:
    """Each of three nodes owns a third of the ring."""
    assert [cassandra.token(3, number) for number in (1, 2, 3)] == [
        -9223372036854775808,
        -3074457345618258603,
        3074457345618258602,
    ]
    assert cassandra.token(1, 1) == -9223372036854775808


def test_ring_state_is_kept() -> None:
    """A restarted node loads its ring state; without it every replica write fails for 10 s."""
    for plan in plans(LOCAL, 3):
        assert not any("load_ring_state" in argument for argument in plan.command.arguments)


def test_a_single_node_does_not_wait_for_gossip() -> None:
    """Three nodes wait until gossip has settled."""
    (alone,) = servers.build_servers(cluster(1), LOCAL).cassandra
    assert "-Dcassandra.skip_wait_for_gossip_to_settle=0" in alone.plan.command.arguments
    for node in servers.build_servers(cluster(3), LOCAL).cassandra:
        assert not any("skip_wait" in each for each in node.plan.command.arguments)


def test_no_two_nodes_share_an_address_or_a_folder() -> None:
    """Clusters on two prefixes can run at the same time."""
    nodes = [
        node
        for prefix in ("127.0.0", "127.93.17")
        for node in servers.build_servers(cluster(3, prefix), LOCAL).nodes
    ]
    endpoints = [endpoint for node in nodes for endpoint in node.plan.endpoints]
    assert len(endpoints) == len(set(endpoints)) == 2 * 3 * 5
    folders = {node.plan.command.folder for node in nodes[:6]}
    assert len(folders) == 6


def test_every_endpoint_is_checked_before_the_start() -> None:
    """The checked endpoints are exactly those that the nodes will listen on."""
    built = servers.build_servers(cluster(3), LOCAL).nodes
    assert set(servers.endpoints(cluster(3))) == {
        endpoint for node in built for endpoint in node.plan.endpoints
    }


def test_bench_has_all_compilers_and_threads_for_group_commit() -> None:
    """The frugal profile has no optimising compiler and fewer write threads."""
    big = Cluster(Path("/data"), profile=BENCH)
    for node in servers.build_servers(big, LOCAL).nodes:
        assert "-XX:TieredStopAtLevel=1" not in node.plan.command.arguments
    for plan in plans(LOCAL, 1):
        assert "-XX:TieredStopAtLevel=1" in plan.command.arguments
    assert cassandra.settings(big, 1)["concurrent_writes"] == 128


def test_addresses_in_the_environment_win() -> None:
    """The addresses are used as they are, no nodes are built, and the line gives the reason."""
    given = servers.from_environment(BOTH)
    assert given is not None
    assert given.bootstrap_servers == "k1:9092,k2:9092"
    assert given.contact_points == "c1:9042"
    assert given.nodes == []
    assert "set in the environment" in given.origin


@pytest.mark.parametrize("given", [{}, dict.fromkeys(BOTH, "")])
def test_without_addresses_servers_are_started(given: dict[str, str]) -> None:
    """Missing and empty variables are the same."""
    assert servers.from_environment(given) is None


@pytest.mark.parametrize("name", sorted(BOTH))
def test_one_address_alone_is_refused(name: str) -> None:
    """The error names the missing variable."""
    (missing,) = set(BOTH) - {name}
    with pytest.raises(ServersError, match=f"{name} is set and {missing} is not"):
        servers.from_environment({name: BOTH[name]})
