"""The system under test: brokers, Cassandra nodes, and the tiers."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from deploy.processes import process
from deploy.processes.errors import ServersError
from deploy.processes.log_tail import last_error
from deploy.processes.node import Node, Plan, Probe
from deploy.processes.ports import Endpoint
from deploy.processes.process import Command, Launch
from deploy.servers.backends import Servers
from deploy.servers.cluster import Cluster
from tests.tools.chaos.options import BUCKETS, PARTITIONS, SERVERS, THRESHOLD, Tier

ROOT = Path(__file__).resolve().parents[3]
TOPIC = "catchall-events"
GROUP = "catchall-chaos"
KEYSPACE = "catchall"
READY_SECONDS = 60.0
_PREPARE_SECONDS = 60.0
_FIRST_USER = 70_000
_USERS_A_TIER = 1_000
_MODULES = {Tier.INGEST: "ingest", Tier.WORKER: "consumer", Tier.QUERY: "query"}
_AGED_INGEST = "tests.tools.chaos.aged_ingest"
_PORTS = {Tier.INGEST: (8080, 9080), Tier.WORKER: (9082,), Tier.QUERY: (8081, 9081)}
# The last number of a tier's addresses: the servers have the first ones.
_FIRST_HOST = {Tier.INGEST: 11, Tier.QUERY: 21, Tier.WORKER: 31}
_MOST_HOSTS = 200


@dataclass(slots=True)
class System:
    """All nodes by tier. Workers come and go; the others keep their places."""

    cluster: Cluster
    servers: Servers
    launch: Launch
    """Starts the processes of our tiers."""
    variables_of: Callable[[str], Mapping[str, str]]
    """Returns further variables of the process with a name."""
    nodes: dict[Tier, list[Node]] = field(default_factory=dict)
    _numbers: dict[Tier, int] = field(default_factory=dict)

    def build(self, tier: Tier) -> Node:
        """Build one more node of *tier* without starting it."""
        number = self._numbers.get(tier, 0) + 1
        self._numbers[tier] = number
        # In a run of many hours workers reuse the addresses of earlier ones.
        last = _FIRST_HOST[tier] + (number - 1) % _MOST_HOSTS
        host = f"{self.cluster.prefix}.{last}"
        where = tuple(Endpoint(host, port) for port in _PORTS[tier])
        name, prefix = f"{tier}-{number}", _MODULES[tier].upper()
        variables = {
            **self._environment(),
            **self.variables_of(name),
            f"{prefix}_MANAGEMENT_HOST": host,
            f"{prefix}_HTTP_HOST": host,
        }
        module = _AGED_INGEST if (tier, number) == (Tier.INGEST, 1) else _MODULES[tier]
        command = self._command(name, module, variables)
        return Node(Plan(command, where), self.launch, _probe(where[-1]), READY_SECONDS)

    async def prepare(self) -> None:
        """Create keyspace, table and topics. Raises ServersError."""
        command = self._command("prepare", "deploy.prepare", self._environment())
        status = await process.run(command, process.launch, _PREPARE_SECONDS)
        if status != 0:
            raise ServersError(f"prepare ended with status {status}: {last_error(command.log)}")

    @property
    def all(self) -> list[Node]:
        """Every node."""
        return [node for nodes in self.nodes.values() for node in nodes]

    @property
    def tiers(self) -> list[Node]:
        """The nodes of our own tiers."""
        return [node for tier in _MODULES for node in self.nodes[tier]]

    def _environment(self) -> dict[str, str]:
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.servers.bootstrap_servers,
            "KAFKA_TOPIC": TOPIC,
            "KAFKA_PARTITIONS": str(PARTITIONS),
            "KAFKA_REPLICATION_FACTOR": str(SERVERS),
            "KAFKA_MIN_INSYNC_REPLICAS": str(self.cluster.majority),
            "CASSANDRA_CONTACT_POINTS": self.servers.contact_points,
            "CASSANDRA_REPLICATION": f"datacenter1:{SERVERS}",
            "CASSANDRA_BUCKETS": str(BUCKETS),
            "CASSANDRA_KEYSPACE": KEYSPACE,
            "CONSUMER_GROUP": GROUP,
            "QUERY_PULSE_GROUP": GROUP,
            "CONSUMER_THRESHOLD": str(THRESHOLD),
            "QUERY_THRESHOLD": str(THRESHOLD),
            # Shorter periods than in production, so that a run of minutes has many of each.
            "CONSUMER_SESSION_TIMEOUT_SECONDS": "3",
            "CONSUMER_DRAIN_SECONDS": "2",
            "CONSUMER_COMMIT_INTERVAL_SECONDS": "10",
            "CONSUMER_AUDIT_INTERVAL_SECONDS": "3",
            "CONSUMER_OTHERS_ROWS_HOURS": "0.03",
        }

    def _command(self, name: str, module: str, variables: dict[str, str]) -> Command:
        log = self.cluster.folder("logs") / f"{name}.log"
        return Command(name, (sys.executable, "-m", module), log, ROOT, variables)


def user_of(node_name: str) -> int:
    """Return the user of the node *node_name*, if nodes can be cut off."""
    tier, _, number = node_name.removesuffix("-format").rpartition("-")
    return _FIRST_USER + _USERS_A_TIER * list(Tier).index(Tier(tier)) + int(number)


def traffic_url(node: Node) -> str:
    """Return the address for requests to a node of the ingest or query tier."""
    return f"http://{node.plan.endpoints[0]}"


def management_url(node: Node) -> str:
    """Return the management address of a node."""
    return f"http://{node.plan.endpoints[-1]}"


def data_folder(broker: Node) -> Path:
    """Return the folder of the log of *broker*."""
    return broker.log.parent / "data"


def _probe(management: Endpoint) -> Probe:
    async def poll(_: int) -> str:
        url = f"http://{management}/readyz"
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as answer:
                return "" if answer.status == 200 else f"{url} answers {answer.status}"
        except (aiohttp.ClientError, OSError):
            return f"{url} does not answer"

    return poll
