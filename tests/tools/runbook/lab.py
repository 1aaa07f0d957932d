"""A system for trying the runbook: three brokers, three Cassandra nodes, two of each tier."""

import asyncio
import dataclasses
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from deploy.downloads.jars import Distribution, fetch
from deploy.processes import process
from deploy.processes.node import Node, Plan
from deploy.processes.process import Command
from deploy.servers import cassandra, cql_probe, kafka
from deploy.servers.backends import Backend, Servers
from deploy.servers.cluster import Cluster
from tests.clients.balanced import Seen, open_traffic
from tests.clients.client import Client
from tests.tiers.stack import ROOT, Stack, TierProcess
from tests.tools.chaos.faults.isolation import Isolation

TOOLS = Distribution(
    "kafka-tools-4.3.1",
    (("org.apache.kafka", "kafka-tools", "4.3.1"),),
    Path(__file__).with_name("kafka_tools.sha256"),
)
NODES = 3
TOOL_SECONDS = 120.0
_JOIN_LIMIT_SECONDS = 300
"""A node that replaces another one sleeps for more than 60 s before it streams."""
_SETTLE_SECONDS = 60.0
_AT_ONCE = 500

Pair = tuple[str, str]


class TrialError(Exception):
    """The observation contradicts the runbook."""


@dataclass(slots=True)
class Lab:
    """The system, and all events ever sent to it."""

    cluster: Cluster
    backend: Backend
    servers: Servers
    tools: Path
    isolation: Isolation
    stack: Stack
    report: Callable[[str], None]
    ingests: list[TierProcess] = field(default_factory=list)
    workers: list[TierProcess] = field(default_factory=list)
    queries: list[TierProcess] = field(default_factory=list)
    accepted: Counter[Pair] = field(default_factory=Counter)
    in_doubt: Counter[Pair] = field(default_factory=Counter)
    environment: dict[str, str] = field(default_factory=dict)
    """The settings of tiers that start from now on."""
    zones: int = 0

    @property
    def topic(self) -> str:
        """The present topic of events."""
        return self.environment.get("KAFKA_TOPIC", f"{self.stack.name}-events")

    @property
    def keyspace(self) -> str:
        """The keyspace of the counters."""
        return self.stack.name.replace("-", "_")

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Report how long *what* took."""
        began = time.monotonic()
        yield
        self.report(f"  {what}: {time.monotonic() - began:.1f} s")

    @asynccontextmanager
    async def traffic(self) -> AsyncIterator[Seen]:
        """Send events during the body; then report the answers and compare every count ever."""
        self.zones += 1
        ingests, queries = ([node.url for node in tier] for tier in (self.ingests, self.queries))
        opening = open_traffic(
            ingests, queries, zone=f"zone-{self.zones}.example.com", puts=6, bulks=1, gets=2
        )
        async with opening as seen:
            yield seen
        self.accepted += seen.events
        self.in_doubt += seen.in_doubt
        refused = Counter(answer.status for answer in seen.refused)
        self.report(
            f"  {seen.answers.total():,} answers, refused {dict(refused)}, unanswered "
            f"{len(seen.unanswered)}, the slowest {seen.slowest:.2f} s"
        )
        await self.check()

    async def check(self) -> None:
        """Wait until every count is right. Raises TrialError with the wrong ones."""
        client = Client(self.stack.http, "", self.queries[0].url)
        wrong: dict[Pair, tuple[int, int]] = {}
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            wrong = {}
            domains = sorted({domain for domain, _ in self.accepted})
            for start in range(0, len(domains), _AT_ONCE):
                reply = await client.ask(domains[start : start + _AT_ONCE])
                if reply.status != 200:
                    wrong["the query node", f"{reply.status}"] = (0, 0)
                    continue
                for result in reply.body["results"]:
                    self._compare(result, wrong)
            if not wrong:
                break
            if time.monotonic() > deadline:
                raise TrialError(f"counted, accepted: {dict(list(wrong.items())[:5])}")
            await asyncio.sleep(0.2)
        doubt = self.in_doubt.total()
        exact = "every count is exact" if not doubt else f"right, with {doubt:,} events in doubt"
        self.report(f"  {self.accepted.total():,} events of {len(domains)} domains: {exact}")

    def _compare(self, result: Mapping[str, object], wrong: dict[Pair, tuple[int, int]]) -> None:
        for kind in ("delivered", "bounced"):
            pair = (str(result["domain"]), kind)
            counted, accepted = int(str(result.get(kind, -1))), self.accepted[pair]
            if not accepted <= counted <= accepted + self.in_doubt[pair]:
                wrong[pair] = (counted, accepted)

    # ---- the tiers

    async def start(self, tier: str, **environment: str) -> TierProcess:
        """Start one more process of *tier*: ingest, worker or query."""
        starting = {
            "ingest": self.stack.ingest,
            "worker": self.stack.worker,
            "query": self.stack.query,
        }[tier]
        return await starting(**{**self.environment, **environment})

    async def restart(self, nodes: list[TierProcess], tier: str, **environment: str) -> None:
        """Replace each of *nodes* in its place, one after the other."""
        variable = {"ingest": "INGEST_HTTP_PORT", "query": "QUERY_HTTP_PORT"}.get(tier, "")
        for at, node in enumerate(nodes):
            status = await node.stop()
            if status != 0:
                raise TrialError(f"{node.name} exited with {status}:\n{node.log_text()[-2000:]}")
            port = {variable: node.url.rpartition(":")[2]} if variable else {}
            fresh = await self.start(tier, **port, **environment)
            nodes[at] = dataclasses.replace(fresh, url=node.url)

    async def module(self, name: str, *words: str, **environment: str) -> tuple[int, str]:
        """Run ``python -m name`` as an operator does; return its status and its output."""
        command = self.stack.run_once(name, {**self.environment, **environment})
        command.log.unlink(missing_ok=True)
        command = dataclasses.replace(command, arguments=(*command.arguments, *words))
        status = await process.run(command, process.launch, TOOL_SECONDS)
        return status, await asyncio.to_thread(command.log.read_text)

    async def metric(self, process: TierProcess, name: str) -> float:
        """Return the sum of a metric of *process*."""
        async with self.stack.http.get(f"{process.management}/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
        return sum(s.value for family in families for s in family.samples if s.name == name)

    # ---- Kafka and Cassandra

    async def kafka_tool(self, main: str, *words: str) -> str:
        """Run the class behind a script of Kafka's ``bin`` folder and return its output."""
        name = main.rpartition(".")[2]
        log = self.cluster.folder("logs") / f"{name}.log"
        log.unlink(missing_ok=True)
        command = Command(
            name,
            (
                *(self.backend.java, "-Xmx256m", "-XX:TieredStopAtLevel=1"),
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
                *("-cp", f"{self.tools}/*:{self.backend.kafka_libraries}/*", main),
                # Some tools expect a command before all options.
                *(words[:1] if words and not words[0].startswith("-") else ()),
                *("--bootstrap-server", self.servers.bootstrap_servers),
                *(words if words[0].startswith("-") else words[1:]),
            ),
            log,
            ROOT,
        )
        status = await process.run(command, process.launch, TOOL_SECONDS)
        text = await asyncio.to_thread(log.read_text)
        if status != 0:
            raise TrialError(f"{name} {' '.join(words)} exited with {status}:\n{text[-2000:]}")
        return text

    def new_broker(self, number: int) -> Node:
        """Build one more broker, which is not a controller."""
        plan = kafka.plan(self.cluster, number, self.backend.java, self.backend.kafka_libraries)
        ((path, text),) = plan.files.items()
        pairs = dict(line.split("=", 1) for line in text.splitlines())
        pairs["process.roles"] = "broker"
        pairs["listeners"] = pairs["listeners"].partition(",")[0]
        text = "".join(f"{key}={value}\n" for key, value in pairs.items())
        plan = dataclasses.replace(plan, files={path: text}, endpoints=plan.endpoints[:1])
        probe = kafka.probe(plan.endpoints[0], number)
        return Node(plan, self.backend.launch, probe, kafka.READY_LIMIT_SECONDS)

    def new_store(self, number: int, settings: Mapping[str, object], *jvm: str) -> Node:
        """Build one more Cassandra node, with *settings* instead of the usual ones."""
        plan = cassandra.plan(
            self.cluster, number, self.backend.java, self.backend.cassandra_libraries
        )
        files = dict(plan.files)
        path = next(path for path in files if path.name == "cassandra.yaml")
        lines = dict(line.split(": ", 1) for line in files[path].splitlines())
        lines |= {key: json.dumps(value) for key, value in settings.items()}
        files[path] = "".join(f"{key}: {value}\n" for key, value in lines.items())
        at = plan.command.arguments.index("-cp")
        arguments = (*plan.command.arguments[:at], *jvm, *plan.command.arguments[at:])
        command = dataclasses.replace(plan.command, arguments=arguments)
        plan = Plan(command, plan.endpoints, files)
        probe = cql_probe.probe(plan.endpoints[0])
        return Node(plan, self.backend.launch, probe, _JOIN_LIMIT_SECONDS)


async def fetch_tools(backend: Backend, report: Callable[[str], None]) -> Path:
    """Return the folder of Kafka's command line tools, which no broker needs."""
    return await fetch(TOOLS, ROOT / ".local" / "runbook", Path(backend.java), report)
