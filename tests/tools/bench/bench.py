"""The environment of every row: servers, tiers, references, and measuring programs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar

import msgspec

from deploy.processes import process
from deploy.processes.process import Command, Running
from deploy.servers.backends import Servers
from shared.model.partitioning import DEFAULT_BUCKETS
from tests.servers.loopback import random_prefix
from tests.tiers.stack import ROOT, Stack
from tests.tools.bench.client.pump_job import PumpJob, PumpResult
from tests.tools.bench.effort import AssignmentLoad, Effort
from tests.tools.bench.measurement.cpu import pin
from tests.tools.bench.measurement.result import MeasurementError

REFERENCE_PORT = 8080
READY_SECONDS = 30.0
_TURNS = 3
"""Odd: the middle one counts."""
DOMAINS_PER_BUCKET = 600
_POLL_SECONDS = 0.05
_SLACK_SECONDS = 120.0
"""For a program to start, to build its requests and to exit."""
# The defaults of production: the bench kills no worker, and its machine may be slow.
_DEFAULTS = {
    "CASSANDRA_BUCKETS": str(DEFAULT_BUCKETS),
    "CONSUMER_SESSION_TIMEOUT_SECONDS": "10",
    "CONSUMER_DRAIN_SECONDS": "6",
}

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load."""

    host: str
    port: int
    pid: int


@dataclass(slots=True)
class Bench:
    """One run of the bench. ``environment`` has the settings by which a tier finds the servers."""

    folder: Path
    servers: Servers
    environment: Mapping[str, str]
    effort: Effort
    cores: list[int]
    report: Callable[[str], None]
    assignment: AssignmentLoad = field(default_factory=AssignmentLoad)
    """What row 13 runs."""
    _numbers: "count[int]" = field(default_factory=count)

    @property
    def first_core(self) -> int:
        """The core of the program under measurement."""
        return self.cores[0]

    @property
    def other_core(self) -> int:
        """The core of all other programs; the same core on a machine with one."""
        return self.cores[-1]

    def stack(self, name: str, **overrides: str) -> Stack:
        """Return tiers with a topic and a keyspace of their own; entering it prepares them."""
        folder = self.folder / f"{next(self._numbers)}-{name}"
        return Stack(f"bench-{name}", folder, self.environment, {**_DEFAULTS, **overrides})

    @asynccontextmanager
    async def reference(self, name: str, *command: str) -> AsyncIterator[Target]:
        """Run the server *command*, given a host and a port; it is ready on entry."""
        host = f"{random_prefix()}.1"
        arguments = (*command, host, str(REFERENCE_PORT))
        running = await process.launch(self._command(name, arguments))
        try:
            await _accepts(host, REFERENCE_PORT)
            yield Target(host, REFERENCE_PORT, running.pid)
        finally:
            await process.kill(running)

    async def pump(self, target: Target, job: PumpJob) -> PumpResult:
        """Put *target* under load; ``server`` in the result is its CPU time."""
        job = msgspec.structs.replace(
            job,
            host=target.host,
            port=target.port,
            watched={"server": target.pid, **job.watched},
        )
        result = await self.run(
            "tests.tools.bench.client.pump",
            msgspec.json.encode(job).decode(),
            kind=PumpResult,
            seconds=job.warm_up_seconds + job.seconds,
        )
        if not result.good:
            raise MeasurementError(f"nothing was accepted: {result.statuses}, {result.lost} lost")
        return result

    async def pump_in_turns(
        self, jobs: Mapping[str, tuple[Target, PumpJob]]
    ) -> dict[str, PumpResult]:
        """Put each target under load in turn, several times; return the middle result of each.

        A shared machine is half as fast for minutes at a time. So targets that are compared take
        short turns.
        """
        found: dict[str, list[PumpResult]] = {name: [] for name in jobs}
        for _ in range(_TURNS):
            for name, (target, job) in jobs.items():
                found[name].append(
                    await self.pump(
                        target, msgspec.structs.replace(job, seconds=job.seconds / _TURNS)
                    )
                )
        return {
            name: sorted(results, key=lambda result: result.per_second)[_TURNS // 2]
            for name, results in found.items()
        }

    async def run(self, module: str, *arguments: str, kind: type[T], seconds: float) -> T:
        """Run a program that takes *seconds* and return the result on its last line."""
        status, lines, log = await self.execute(module, *arguments, seconds=seconds)
        if status != 0:
            raise MeasurementError(f"{module} exited with {status}: {lines[-1]} (see {log})")
        return msgspec.json.decode(lines[-1], type=kind)

    async def execute(
        self,
        module: str,
        *arguments: str,
        seconds: float,
        on_start: Callable[[int], None] = lambda _: None,
    ) -> tuple[int, list[str], Path]:
        """Run a program that takes *seconds*; return its status, its output, and its log.

        *on_start* receives its process id.
        """
        name = module.rpartition(".")[2]
        command = self._command(name, (sys.executable, "-m", module, *arguments))

        async def launch(command: Command) -> Running:
            running = await process.launch(command)
            on_start(running.pid)
            return running

        try:
            status = await process.run(command, launch, seconds + _SLACK_SECONDS)
        except TimeoutError as error:
            raise MeasurementError(f"{module} did not end, see {command.log}") from error
        return status, command.log.read_text().splitlines() or ["no output"], command.log

    def number(self) -> int:
        """Return a number that no other file of this run has in its name."""
        return next(self._numbers)

    def pin_servers(self, core: int) -> None:
        """Pin Kafka and Cassandra to *core*, if this run started them."""
        for node in self.servers.nodes:
            if node.pid is not None:
                pin(node.pid, core)

    def free_servers(self) -> None:
        """Let Kafka and Cassandra run on all cores again."""
        for node in self.servers.nodes:
            if node.pid is not None:
                pin(node.pid, *self.cores)

    def _command(self, name: str, arguments: tuple[str, ...]) -> Command:
        label = f"{next(self._numbers)}-{name}"
        return Command(label, arguments, self.folder / f"{label}.log", ROOT, self.environment)


async def _accepts(host: str, port: int) -> None:
    """Return once the server accepts connections."""
    async with asyncio.timeout(READY_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(_POLL_SECONDS)
            else:
                writer.close()
                return


def buckets_for(domains: int) -> int:
    """Return a power of two: as many buckets as hold 600 to 1,200 of *domains* each."""
    return 1 << max(0, (domains // DOMAINS_PER_BUCKET).bit_length() - 1)


def target_of(url: str, pid: int) -> Target:
    """Return the target with the address of a tier."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    return Target(host, int(port), pid)
