"""Open Kafka and Cassandra: at given addresses, in Docker, or as local JVMs."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from deploy.downloads import jars
from deploy.downloads.java import find_java
from deploy.processes import process
from deploy.processes.errors import ServersError
from deploy.processes.node import Node
from deploy.processes.ports import Endpoint, require_disk, require_free
from deploy.processes.process import Launch
from deploy.servers import cassandra, cql_probe, docker, kafka
from deploy.servers.cluster import Cluster, CommitLog, addresses
from deploy.servers.profile import FRUGAL, Profile
from deploy.servers.security import Security

_VARIABLES = ("KAFKA_BOOTSTRAP_SERVERS", "CASSANDRA_CONTACT_POINTS")
ARTIFACTS = Path(__file__).resolve().parents[2] / ".local" / "artifacts"

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Servers:
    """Running servers. The lists are empty if the environment gave the addresses."""

    origin: str
    bootstrap_servers: str
    contact_points: str
    kafka: list[Node]
    cassandra: list[Node]

    @property
    def nodes(self) -> list[Node]:
        """All nodes that were started here."""
        return [*self.kafka, *self.cassandra]


@dataclass(frozen=True, slots=True)
class Backend:
    """A way to run the nodes: Docker or local JVMs."""

    origin: str
    launch: Launch
    java: str
    kafka_libraries: str
    cassandra_libraries: str


@asynccontextmanager
async def open_servers(
    directory: Path,
    *,
    nodes: int = 1,
    prefix: str = "127.0.0",
    commit_log: CommitLog = CommitLog.GROUP,
    profile: Profile = FRUGAL,
    security: Security | None = None,
    brokers: bool = True,
    report: Report = lambda _: None,
) -> AsyncIterator[Servers]:
    """Start *nodes* Cassandra nodes and, unless *brokers* is false, as many brokers.

    Addresses in the environment win, then a Docker engine, then local JVMs. Node N listens on
    ``prefix.N``. *directory* holds data and logs, and its data is used again. On entry every broker
    knows all others, and every Cassandra node sees its peers and answers CQL; on exit all nodes are
    stopped. Raises ServersError. Enter it from the main thread.
    """
    if given := from_environment(os.environ):
        report(given.origin)
        yield given
        return
    cluster = Cluster(directory, nodes, prefix, commit_log, profile, security)
    # Check these before a long download.
    require_disk(cluster.directory)
    await require_free(endpoints(cluster))
    cluster.require_same_as_before()
    backend = await choose_backend(report)
    report(backend.origin)
    servers = build_servers(cluster, backend)
    if not brokers:
        servers = replace(servers, kafka=[])
    try:
        await _start(servers, report)
        yield servers
    finally:
        await asyncio.gather(*(node.stop() for node in servers.nodes))


def endpoints(cluster: Cluster) -> list[Endpoint]:
    """Return every endpoint that the nodes of *cluster* will listen on."""
    hosts = [cluster.host(number) for number in cluster.numbers]
    return [Endpoint(host, port) for host in hosts for port in (*kafka.PORTS, *cassandra.PORTS)]


def from_environment(environment: Mapping[str, str]) -> Servers | None:
    """Return the servers that *environment* names; None if it names none.

    Raises ServersError if it names only Kafka or only Cassandra.
    """
    given = [name for name in _VARIABLES if environment.get(name)]
    if not given:
        return None
    if len(given) == 1:
        (missing,) = set(_VARIABLES) - set(given)
        raise ServersError(f"{given[0]} is set and {missing} is not: set both, or neither")
    bootstrap_servers, contact_points = (environment[name] for name in _VARIABLES)
    origin = (
        f"servers: Kafka at {bootstrap_servers}, Cassandra at {contact_points} "
        "(set in the environment)"
    )
    return Servers(origin, bootstrap_servers, contact_points, [], [])


async def choose_backend(report: Report) -> Backend:
    """Choose Docker if an engine answers, else local JVMs (downloaded on first use)."""
    if version := await docker.find_engine():
        return in_docker(version)
    java = await find_java(ARTIFACTS, report)
    # One after the other: two Mavens must not write the local repository at the same time.
    brokers = await jars.fetch(jars.KAFKA, ARTIFACTS, java, report)
    stores = await jars.fetch(jars.CASSANDRA, ARTIFACTS, java, report)
    return as_processes(java, brokers, stores)


def in_docker(version: str) -> Backend:
    """Return the backend that runs containers; Java and jars come from images."""
    return Backend(
        f"servers: containers of {kafka.IMAGE} and {cassandra.IMAGE} (Docker engine {version})",
        *(docker.launch, "java", kafka.IMAGE_LIBRARIES, cassandra.IMAGE_LIBRARIES),
    )


def as_processes(java: Path, kafka_libraries: Path, cassandra_libraries: Path) -> Backend:
    """Return the backend that runs JVMs on this machine."""
    return Backend(
        f"servers: local JVMs of {java} (the environment sets no addresses, no Docker engine "
        "answers)",
        *(process.launch, str(java), str(kafka_libraries), str(cassandra_libraries)),
    )


def build_servers(cluster: Cluster, backend: Backend) -> Servers:
    """Build the nodes of *cluster* without starting them."""
    brokers, stores = [], []
    for number in cluster.numbers:
        broker = kafka.plan(cluster, number, backend.java, backend.kafka_libraries)
        probe = kafka.probe(broker.endpoints[0], number, cluster.security)
        brokers.append(Node(broker, backend.launch, probe, kafka.READY_LIMIT_SECONDS))
        store = cassandra.plan(cluster, number, backend.java, backend.cassandra_libraries)
        probe = cql_probe.probe(store.endpoints[0], cluster.security)
        stores.append(Node(store, backend.launch, probe, cassandra.READY_LIMIT_SECONDS))
    hosts = [cluster.host(number) for number in cluster.numbers]
    return Servers(
        backend.origin,
        addresses(hosts, kafka.PORT),
        addresses(hosts, cassandra.PORT),
        brokers,
        stores,
    )


async def _start(servers: Servers, report: Report) -> None:
    async def start(node: Node) -> None:
        await node.start()
        report(f"{node.name} started (pid {node.pid}), log {node.shown_log}")

    async def start_brokers() -> None:
        await _together(start(node) for node in servers.kafka)
        await _together(node.wait_ready(len(servers.kafka)) for node in servers.kafka)
        report(f"Kafka is ready after {_slowest(servers.kafka)}: {servers.bootstrap_servers}")

    async def start_stores() -> None:
        # The first node is the seed: the others learn the ring from it.
        seed, *others = servers.cassandra
        await start(seed)
        if others:
            await seed.wait_ready()
            await _together(start(node) for node in others)
        await _together(node.wait_ready(len(servers.cassandra)) for node in servers.cassandra)
        report(f"Cassandra is ready after {_slowest(servers.cassandra)}: {servers.contact_points}")

    await _together([start_brokers(), start_stores()] if servers.kafka else [start_stores()])


def _slowest(nodes: list[Node]) -> str:
    return f"{max(node.uptime_seconds for node in nodes):.1f} s"


async def _together(steps: Iterable[Coroutine[None, None, None]]) -> None:
    """Run *steps* concurrently; the first error cancels the others and is raised alone."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
