"""One server or tier: start it, wait until it is ready, freeze it, kill it, stop it."""

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

# Returns what is still missing in a cluster of so many members; "" when it is ready.
Probe = Callable[[int], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything needed to run a node, as a value that tests can compare.

    It listens on ``endpoints``; the first one is for clients. ``setup`` runs once, to its end,
    before the first start.
    """

    command: Command
    endpoints: tuple[Endpoint, ...]
    files: Mapping[Path, str] = field(default_factory=dict)
    setup: Command | None = None


class Node:
    """A node and, while it runs, its process. It can be started again after it ended."""

    def __init__(self, plan: Plan, launch: Launch, probe: Probe, limit_seconds: float) -> None:
        self.plan = plan
        self._launch = launch
        self._probe = probe
        self._limit_seconds = limit_seconds
        self._running: Running | None = None
        self._log_start = 0
        self._started_at: float | None = None

    @property
    def name(self) -> str:
        """Its name in messages and in folder names."""
        return self.plan.command.name

    @property
    def address(self) -> str:
        """The address for its clients, ``host:port``."""
        return str(self.plan.endpoints[0])

    @property
    def log(self) -> Path:
        """The file with its output, of all its starts."""
        return self.plan.command.log

    @property
    def shown_log(self) -> Path:
        """The log's path for messages: relative if it is below the working folder."""
        folder = Path.cwd()
        return self.log.relative_to(folder) if self.log.is_relative_to(folder) else self.log

    @property
    def was_started(self) -> bool:
        """Whether it was ever started, also if that start failed."""
        return self._started_at is not None

    @property
    def uptime_seconds(self) -> float:
        """Seconds since its last start, also if that start failed; 0 before the first."""
        return 0.0 if self._started_at is None else time.monotonic() - self._started_at

    @property
    def pid(self) -> int | None:
        """The id of its process, or None while it does not run."""
        return None if self.status is not None or self._running is None else self._running.pid

    @property
    def status(self) -> int | None:
        """Its exit status (negative: killed by that signal), or None if there is none yet."""
        return None if self._running is None else self._running.poll()

    async def start(self) -> None:
        """Start its process without waiting until it is ready. Raises ServersError."""
        if self.pid is not None:
            raise ServersError(f"{self.name} is already running (pid {self.pid}): stop it first")
        self._started_at = time.monotonic()
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
        """Wait until it serves clients and sees *members* nodes, itself included.

        Raises ServersError if it ends before that, or is not ready within the limit.
        """
        limit = self._limit_seconds if limit_seconds is None else limit_seconds
        missing = "no answer"
        try:
            async with asyncio.timeout(limit):
                while missing:
                    if self.pid is None:
                        raise ServersError(self.describe_exit())
                    missing = await self._probe_once(members)
                    if missing:
                        await asyncio.sleep(_PROBE_EVERY_SECONDS)
        except TimeoutError as error:
            raise ServersError(
                f"{self.name} was not ready within {limit:.0f} s ({missing}): see {self.shown_log}",
            ) from error

    async def wait(self) -> int:
        """Wait for its process to end, without a limit, and return the exit status."""
        return 0 if self._running is None else await process.wait(self._running)

    def pause(self) -> None:
        """Freeze it (SIGSTOP): its connections stay open, but it does not answer."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it continue after `pause` (SIGCONT)."""
        self._signal(signal.SIGCONT)

    async def kill(self) -> None:
        """Kill it (SIGKILL), as a power cut would, and return when it has ended."""
        if self._running is not None:
            await process.kill(self._running)

    async def stop(self, deadline_seconds: float = STOP_DEADLINE_SECONDS) -> int:
        """Stop it (SIGTERM), kill it at the deadline, and return the exit status."""
        return 0 if self._running is None else await process.stop(self._running, deadline_seconds)

    def describe_exit(self) -> str:
        """Return one line: how it ended, its last error, and where its log is."""
        status = self.status
        if status is not None and status < 0:
            # Killed from outside: the last error in its log is about something else.
            return f"{self.name} {describe_status(status)}"
        error = log_tail.last_error(self.log, self._log_start)
        return f"{self.name} {describe_status(status)}: {error} (see {self.shown_log})"

    def _signal(self, number: signal.Signals) -> None:
        if self._running is None or self.pid is None:
            raise ServersError(f"{self.name} does not run: cannot send {number.name}")
        self._running.signal(number)

    async def _probe_once(self, members: int) -> str:
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
    """Return an exit status as words."""
    if status is None:
        return "has not ended"
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"ended with status {status}"
