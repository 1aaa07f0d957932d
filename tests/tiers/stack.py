"""Start, kill and stop the tiers as processes, on a new keyspace and new topics."""

import asyncio
import os
import secrets
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import aiohttp

from deploy.processes import process
from deploy.processes.process import Command, Running
from tests.clients.sent_once import sent_once
from tests.servers.loopback import random_prefix
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 60.0
STOP_SECONDS = 25.0
BUCKETS = 64
"""Of each keyspace: tests have thousands of domains, and some of them must meet in a bucket."""
FIRST_PORT = 20_000
"""Below the ephemeral ports: the kernel may give one of those to a connection at any moment."""


@dataclass(slots=True)
class TierProcess:
    """One process of a tier; ``url`` is its traffic address (empty for a worker)."""

    name: str
    running: Running
    management: str
    log: Path
    url: str = ""

    async def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        await process.kill(self.running)

    async def stop(self) -> int:
        """Send SIGTERM; return the exit status."""
        return await process.stop(self.running, STOP_SECONDS)

    def log_text(self) -> str:
        """Return its log so far."""
        return self.log.read_text()


@dataclass(slots=True)
class Stack:
    """Processes of the tiers on one keyspace; those that still run at the end are killed."""

    name: str
    folder: Path
    servers: Mapping[str, str]
    overrides: Mapping[str, str] = field(default_factory=dict)
    trust: ssl.SSLContext | None = None
    """The certificates that its clients trust; None: the tiers use plain HTTP."""
    host: str = field(default_factory=lambda: f"{random_prefix()}.1")
    http: aiohttp.ClientSession = field(init=False)
    started: list[TierProcess] = field(default_factory=list)
    _ports: Iterator[int] = field(init=False)
    _numbers: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        # Given servers keep the topics of earlier runs.
        self.name = f"{self.name}-{secrets.token_hex(3)}"
        self._ports = count(FIRST_PORT)

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=self.trust or True),
            middlewares=(sent_once,),
        )
        status = await process.run(
            self._command("prepare", "deploy.prepare", {}), process.launch, READY_SECONDS
        )
        assert status == 0, (self.folder / "prepare.log").read_text()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.http.close()
        for tier in self.started:
            await tier.kill()

    async def ingest(self, **environment: str) -> TierProcess:
        """Start an ingest node and wait until it is ready."""
        return await self._ready(self._start("ingest", "ingest", environment))

    async def query(self, **environment: str) -> TierProcess:
        """Start a query node and wait until it is ready."""
        return await self._ready(self._start("query", "query", environment))

    async def worker(self, **environment: str) -> TierProcess:
        """Start a worker and wait until it is ready."""
        return await self._ready(self._start("worker", "consumer", environment))

    async def all(
        self, *, ingest: int = 1, workers: int = 1, query: int = 1
    ) -> tuple[list[TierProcess], list[TierProcess], list[TierProcess]]:
        """Start that many of each tier at once; return them when they are ready."""
        tiers = (
            [self._start("ingest", "ingest", {}) for _ in range(ingest)],
            [self._start("worker", "consumer", {}) for _ in range(workers)],
            [self._start("query", "query", {}) for _ in range(query)],
        )
        await asyncio.gather(*(self._ready(tier) for group in tiers for tier in group))
        return tiers

    @asynccontextmanager
    async def guests(self) -> AsyncIterator[Self]:
        """Kill the processes that were started while this context was open, and no others."""
        shared = len(self.started)
        try:
            yield self
        finally:
            guests = self.started[shared:]
            del self.started[shared:]
            await asyncio.gather(*(guest.kill() for guest in guests))

    def run_once(self, module: str, environment: Mapping[str, str]) -> Command:
        """Return the command that runs *module* with *environment* on this stack's servers."""
        return self._command(module, module, environment)

    def _start(self, name: str, module: str, environment: Mapping[str, str]) -> TierProcess:
        port, management = next(self._ports), next(self._ports)
        for _ in range(int(environment.get("INGEST_PROCESSES", "1")) - 1):
            next(self._ports)  # each further process takes the next management port
        prefix, scheme = module.upper(), "http" if self.trust is None else "https"
        port = int(environment.get(f"{prefix}_HTTP_PORT", port))
        where = {
            f"{prefix}_HTTP_HOST": self.host,
            f"{prefix}_MANAGEMENT_HOST": self.host,
            f"{prefix}_HTTP_PORT": str(port),
            f"{prefix}_MANAGEMENT_PORT": str(management),
            # The processes started earlier, and this one.
            "QUERY_PULSE_TARGETS": ",".join(
                [tier.management.partition("//")[2] for tier in self.started]
                + [f"{self.host}:{management}"]
            ),
        }
        self._numbers[name] += 1
        command = self._command(f"{name}-{self._numbers[name]}", module, {**where, **environment})
        tier = TierProcess(
            command.name,
            process.Process(command),
            f"{scheme}://{self.host}:{management}",
            command.log,
            "" if name == "worker" else f"{scheme}://{self.host}:{port}",
        )
        self.started.append(tier)
        return tier

    async def _ready(self, tier: TierProcess) -> TierProcess:
        async def is_ready() -> bool:
            status = tier.running.poll()
            assert status is None, f"{tier.name} ended with {status}:\n{tier.log_text()}"
            try:
                async with self.http.get(f"{tier.management}/readyz") as answer:
                    return answer.status == 200
            except aiohttp.ClientConnectionError:
                return False

        await until(is_ready, READY_SECONDS)
        return tier

    def _command(self, name: str, module: str, environment: Mapping[str, str]) -> Command:
        own = {
            "KAFKA_TOPIC": f"{self.name}-events",
            "KAFKA_DEAD_LETTER_TOPIC": f"{self.name}-dead-letters",
            "KAFKA_CHANGES_TOPIC": f"{self.name}-changes",
            "CASSANDRA_BUCKETS": str(BUCKETS),
            "CASSANDRA_KEYSPACE": self.name.replace("-", "_"),
            "CONSUMER_GROUP": self.name,
            "QUERY_PULSE_GROUP": self.name,
            # Short, so that a killed worker's partitions are taken over soon.
            "CONSUMER_SESSION_TIMEOUT_SECONDS": "3",
            "CONSUMER_DRAIN_SECONDS": "2",
            # aiohttp reads the system's certificates when it is imported; no tier here trusts them.
            "SSL_CERT_FILE": os.devnull,
        }
        return Command(
            name,
            (sys.executable, "-m", module),
            self.folder / f"{name}.log",
            ROOT,
            {**self.servers, **own, **self.overrides, **environment},
        )
