"""The tiers as child processes: commands, environment and readiness checks."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from deploy.processes import process
from deploy.processes.node import Node, Plan, Probe
from deploy.processes.ports import Endpoint
from deploy.processes.process import Command
from deploy.servers.backends import Servers
from deploy.servers.cluster import Cluster
from shared.http.loopback import LOCALHOST, addresses_of

ROOT = Path(__file__).resolve().parents[2]
READY_LIMIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Tier:
    """A tier's module and ports; the worker has no traffic port."""

    name: str
    module: str
    port: int | None
    management_port: int

    def endpoints(self, host: str) -> tuple[Endpoint, ...]:
        """Return the endpoints it listens on, traffic first."""
        ports = (self.port, self.management_port)
        return tuple(Endpoint(host, port) for port in ports if port is not None)


INGEST = Tier("ingest", "ingest", 8080, 9080)
QUERY = Tier("query", "query", 8081, 9081)
WORKER = Tier("worker", "consumer", None, 9082)
TIERS = (INGEST, WORKER, QUERY)


def environment(cluster: Cluster, servers: Servers) -> dict[str, str]:
    """Return the environment variables for the tiers and `deploy.prepare`.

    Replication is set only for servers that were started here; else the environment decides.
    """
    host, listening = cluster.host(1), choose_host(cluster)
    variables = {
        "KAFKA_BOOTSTRAP_SERVERS": servers.bootstrap_servers,
        "CASSANDRA_CONTACT_POINTS": servers.contact_points,
        "INGEST_HTTP_HOST": listening,
        "INGEST_HTTP_PORT": str(INGEST.port),
        "INGEST_MANAGEMENT_PORT": str(INGEST.management_port),
        "QUERY_HTTP_HOST": listening,
        "QUERY_HTTP_PORT": str(QUERY.port),
        "QUERY_MANAGEMENT_PORT": str(QUERY.management_port),
        "QUERY_PULSE_TARGETS": ",".join(f"{host}:{tier.management_port}" for tier in TIERS),
        "CONSUMER_MANAGEMENT_HOST": listening,
        "CONSUMER_MANAGEMENT_PORT": str(WORKER.management_port),
    }
    if servers.nodes:
        variables |= {
            "KAFKA_REPLICATION_FACTOR": str(cluster.nodes),
            "KAFKA_MIN_INSYNC_REPLICAS": str(cluster.majority),
            "CASSANDRA_REPLICATION": f"datacenter1:{cluster.nodes}",
        }
    return variables


def choose_host(cluster: Cluster) -> str:
    """Return the host to listen on: both loopback addresses, unless another one was chosen."""
    return LOCALHOST if cluster.host(1) == "127.0.0.1" else cluster.host(1)


def listened(cluster: Cluster) -> list[Endpoint]:
    """Return every endpoint on which a tier will listen."""
    hosts = addresses_of(choose_host(cluster))
    return [each for tier in TIERS for host in hosts for each in tier.endpoints(host)]


def prepare(cluster: Cluster, servers: Servers) -> Command:
    """Return the command that creates keyspace, table and topics if they are missing."""
    return _command("prepare", "deploy.prepare", cluster, environment(cluster, servers))


def build_tiers(cluster: Cluster, servers: Servers) -> list[Node]:
    """Build the three tiers without starting them."""
    variables = environment(cluster, servers)
    return [_node(tier, cluster, variables) for tier in TIERS]


def _node(tier: Tier, cluster: Cluster, variables: Mapping[str, str]) -> Node:
    endpoints = tier.endpoints(cluster.host(1))
    plan = Plan(_command(tier.name, tier.module, cluster, variables), endpoints)
    return Node(plan, process.launch, _probe(endpoints[-1]), READY_LIMIT_SECONDS)


def _command(name: str, module: str, cluster: Cluster, variables: Mapping[str, str]) -> Command:
    log = cluster.folder("logs") / f"{name}.log"
    return Command(name, (sys.executable, "-m", module), log, ROOT, variables)


def _probe(management: Endpoint) -> Probe:
    async def check(_: int) -> str:
        url = f"http://{management}/readyz"
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                return "" if answer.ok else f"{url} answers {answer.status}"
        except (aiohttp.ClientError, OSError):
            return f"{url} does not answer"

    return check
