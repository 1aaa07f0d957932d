"""One process of the operating system: start, freeze, kill, stop, wait."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

_POLL_SECONDS = 0.02
_TETHER = Path(__file__).with_name("tether.py")
_LOG_KEPT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Command:
    """What to run. ``image`` counts only where it runs in a container."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    image: str = ""


class Running(Protocol):
    """A command that was started, as a process or in a container."""

    @property
    def pid(self) -> int:
        """The process's id on this machine."""
        ...

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while it runs."""
        ...

    def signal(self, number: signal.Signals) -> None:
        """Send a signal; nothing happens if it has already ended."""
        ...


Launch = Callable[[Command], Awaitable[Running]]


class Process:
    """A child in a session of its own, which dies with us however we die.

    A terminal's Ctrl-C does not reach it: whoever started it decides what it means. Its
    output is appended to the command's log.
    """

    def __init__(self, command: Command) -> None:
        if threading.current_thread() is not threading.main_thread():
            # The kernel ties a child to the thread that forked it, not to the process.
            raise RuntimeError("start processes from the main thread, or they die with yours")
        command.log.parent.mkdir(parents=True, exist_ok=True)
        _make_room(command.log)
        with command.log.open("ab") as log:
            self._child = subprocess.Popen(
                (sys.executable, "-I", "-S", _TETHER, str(os.getpid()), *command.arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=command.folder,
                env={**os.environ, **command.environment},
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._child.pid

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while it runs."""
        return self._child.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and what it started; nothing if it has ended."""
        # Nobody but us reaps it, so its id cannot belong to another process here.
        if self._child.poll() is None:
            os.killpg(self._child.pid, number)


async def launch(command: Command) -> Running:
    """Start *command* as a process of this machine."""
    return Process(command)


async def wait(running: Running) -> int:
    """Wait for the end, without limit, and return the exit status."""
    while (status := running.poll()) is None:  # noqa: ASYNC110 - the kernel sets no Event
        await asyncio.sleep(_POLL_SECONDS)
    return status


async def stop(running: Running, deadline_seconds: float) -> int:
    """Ask it to end, kill it at the deadline, and return the exit status."""
    running.signal(signal.SIGTERM)
    # A frozen process would see the signal above only when it thaws.
    running.signal(signal.SIGCONT)
    try:
        async with asyncio.timeout(deadline_seconds):
            return await wait(running)
    except TimeoutError:
        return await kill(running)


async def kill(running: Running) -> int:
    """End it at once (frozen or not) and return when it is gone."""
    running.signal(signal.SIGKILL)
    return await wait(running)


async def run(command: Command, launcher: Launch, limit_seconds: float) -> int:
    """Run *command* to its end and return its status; it is killed when the limit passes.

    Raises TimeoutError after the limit. Killed as well when the caller is cancelled.
    """
    running = await launcher(command)
    try:
        async with asyncio.timeout(limit_seconds):
            return await wait(running)
    finally:
        if running.poll() is None:
            await kill(running)


def _make_room(log: Path) -> None:
    """Set an old log aside before it grows without end over many starts."""
    if log.exists() and log.stat().st_size > _LOG_KEPT_BYTES:
        log.replace(log.with_suffix(log.suffix + ".1"))
