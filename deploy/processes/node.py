"""One server or tier as people and tests handle it: start it, hurt it, wait for it."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.processes import log_tail, process
from deploy.processes.errors import ServersError
from deploy.processes.ports import Endpoint
from deploy.processes.process import Command, Launch, Running

SETUP_LIMIT_SECONDS = 60
STOP_DEADLINE_SECONDS = 12
_PROBE_EVERY_SECONDS = 0.1
_PROBE_LIMIT_SECONDS = 10

# Says what is still missing with so many members in the cluster; "" when nothing is.
Probe = Callable[[int], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a node is before it runs, as a value that tests can compare.

    ``endpoints`` are what it listens on, the one for clients first. ``setup`` runs to its end
    before the very first start.
    """

    command: Command
    endpoints: tuple[Endpoint, ...]
    files: Mapping[Path, str] = field(default_factory=dict)
    setup: Command | None = None


class Node:
    """A node and, while it runs, its process; it can be started again after any end."""

    def __init__(self, plan: Plan, launch: Launch, probe: Probe, limit_seconds: float) -> None:
        self.plan = plan
        self._launch = launch
        self._probe = probe
        self._limit_seconds = limit_seconds
        self._running: Running | None = None
        self._log_start = 0
        # By the monotonic clock, also of a start that failed.
        self.started_at = 0.0

    @property
    def name(self) -> str:
        """What it is called in lines for people and in folder names."""
        return self.plan.command.name

    @property
    def address(self) -> str:
        """Where its clients find it, ``host:port``."""
        return str(self.plan.endpoints[0])

    @property
    def log(self) -> Path:
        """What it printed, over all its starts."""
        return self.plan.command.log

    @property
    def pid(self) -> int | None:
        """Its process, or None while there is none."""
        return None if self.status is not None or self._running is None else self._running.pid

    @property
    def status(self) -> int | None:
        """How it ended (negative: by that signal), or None while it runs or never ran."""
        return None if self._running is None else self._running.poll()

    async def start(self) -> None:
        """Start its process without waiting until it is ready. Raises ServersError."""
        if self.pid is not None:
            raise ServersError(f"{self.name} runs already (pid {self.pid})")
        self.started_at = time.monotonic()
        try:
            for path, text in self.plan.files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            await self._set_up()
            self._log_start = self.log.stat().st_size if self.log.exists() else 0
            self._running = await self._launch(self.plan.command)
        except OSError as error:
            raise ServersError(f"{self.name} cannot be started: {error}") from error

    async def wait_ready(self, members: int = 1, limit_seconds: float | None = None) -> None:
        """Wait until it serves its clients and sees *members* nodes, itself among them.

        Raises ServersError when it ends before, or is not ready within the limit.
        """
        limit = self._limit_seconds if limit_seconds is None else limit_seconds
        missing = "no answer"
        try:
            async with asyncio.timeout(limit):
                while missing:
                    if self.pid is None:
                        raise ServersError(self.describe_exit())
                    missing = await self._ask(members)
                    if missing:
                        await asyncio.sleep(_PROBE_EVERY_SECONDS)
        except TimeoutError as error:
            raise ServersError(
                f"{self.name} was not ready within {limit:.0f} s ({missing}): see {self.log}",
            ) from error

    async def wait(self) -> int:
        """Wait for the end of its process, without limit, and return the status."""
        return 0 if self._running is None else await process.wait(self._running)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): its connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    async def kill(self) -> None:
        """End it as a power cut would (SIGKILL) and return when it is gone."""
        if self._running is not None:
            await process.kill(self._running)

    async def stop(self, deadline_seconds: float = STOP_DEADLINE_SECONDS) -> int:
        """Ask it to end, kill it at the deadline, and return the exit status."""
        return 0 if self._running is None else await process.stop(self._running, deadline_seconds)

    def describe_exit(self) -> str:
        """Say in one line how it ended, its last words, and where to read on."""
        status = self.status
        if status is not None and status < 0:
            # Ended from outside: its last words are about something else.
            return f"{self.name} {describe_status(status)}"
        words = log_tail.last_error(self.log, self._log_start)
        return f"{self.name} {describe_status(status)}: {words} (see {self.log})"

    def _signal(self, number: signal.Signals) -> None:
        if self._running is None or self.pid is None:
            raise ServersError(f"{self.name} does not run, so it gets no {number.name}")
        self._running.signal(number)

    async def _ask(self, members: int) -> str:
        try:
            async with asyncio.timeout(_PROBE_LIMIT_SECONDS):
                return await self._probe(members)
        except TimeoutError:
            return f"no answer within {_PROBE_LIMIT_SECONDS} s"

    async def _set_up(self) -> None:
        setup = self.plan.setup
        if setup is None:
            return
        done = setup.folder / f"{setup.name}.done"
        if done.exists():
            return
        try:
            status = await process.run(setup, self._launch, SETUP_LIMIT_SECONDS)
        except TimeoutError as error:
            raise ServersError(
                f"{setup.name} did not end within {SETUP_LIMIT_SECONDS} s: see {setup.log}",
            ) from error
        if status != 0:
            raise ServersError(
                f"{setup.name} {describe_status(status)}: {log_tail.last_error(setup.log)}"
            )
        done.touch()


def describe_status(status: int | None) -> str:
    """Put an exit status into words."""
    if status is None:
        return "has not ended"
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"
