"""Processes of the operating system: start, signal, wait, stop, kill."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

_POLL_SECONDS = 0.02
_FREEZE_SECONDS = 5.0
_FREEZE_POLL_SECONDS = 0.001
_TETHER = Path(__file__).with_name("tether.py")
_MAX_LOG_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run. ``image`` is used only if it runs in a container."""

    name: str
    arguments: tuple[str, ...]
    log: Path
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    image: str = ""


class Running(Protocol):
    """A started command, as a process or in a container."""

    @property
    def pid(self) -> int:
        """The process id on this machine."""
        ...

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while it runs."""
        ...

    def signal(self, number: signal.Signals) -> None:
        """Send a signal. Does nothing if the command has ended."""
        ...


Launch = Callable[[Command], Awaitable[Running]]


class Process:
    """A child process that the kernel kills when this process ends, for whatever reason.

    It runs in a session of its own, so Ctrl-C in the terminal does not reach it: this process
    decides what to do. Its output is appended to the command's log.
    """

    def __init__(self, command: Command) -> None:
        if threading.current_thread() is not threading.main_thread():
            # The kernel ties a child to the thread that forked it, not to the process.
            raise RuntimeError("start processes from the main thread: they die with their thread")
        command.log.parent.mkdir(parents=True, exist_ok=True)
        _rotate(command.log)
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
        """The process id."""
        return self._child.pid

    def poll(self) -> int | None:
        """Return the exit status, negative for a signal, or None while it runs."""
        return self._child.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process and its children. Does nothing if it has ended.

        After SIGSTOP return when the process stands still. On a busy machine its other threads run
        on until one of them has taken the signal.
        """
        # Only this process reaps the child, so its id cannot belong to another process yet.
        if self._child.poll() is not None:
            return
        os.killpg(self._child.pid, number)
        if number == signal.SIGSTOP:
            deadline = time.monotonic() + _FREEZE_SECONDS
            stopped = os.WSTOPPED | os.WEXITED | os.WNOWAIT | os.WNOHANG
            while os.waitid(os.P_PID, self._child.pid, stopped) is None:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the kernel did not stop process {self._child.pid}")
                time.sleep(_FREEZE_POLL_SECONDS)


async def launch(command: Command) -> Running:
    """Start *command* as a process on this machine."""
    return Process(command)


async def wait(running: Running) -> int:
    """Wait until it ends, without a limit, and return the exit status."""
    while (status := running.poll()) is None:  # noqa: ASYNC110 - the kernel sets no Event
        await asyncio.sleep(_POLL_SECONDS)
    return status


async def stop(running: Running, deadline_seconds: float) -> int:
    """Stop it (SIGTERM), kill it at the deadline, and return the exit status."""
    running.signal(signal.SIGTERM)
    # A frozen process receives SIGTERM only when it continues.
    running.signal(signal.SIGCONT)
    try:
        async with asyncio.timeout(deadline_seconds):
            return await wait(running)
    except TimeoutError:
        return await kill(running)


async def kill(running: Running) -> int:
    """Kill it, frozen or not, and return its exit status."""
    running.signal(signal.SIGKILL)
    return await wait(running)


async def run(command: Command, launcher: Launch, limit_seconds: float) -> int:
    """Run *command* to its end and return the exit status.

    Kills it and raises TimeoutError at the limit; kills it also if the caller is cancelled.
    """
    running = await launcher(command)
    try:
        async with asyncio.timeout(limit_seconds):
            return await wait(running)
    finally:
        if running.poll() is None:
            await kill(running)


def _rotate(log: Path) -> None:
    """Move a large log aside, so that it does not grow without end over many starts."""
    if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
        log.replace(log.with_suffix(log.suffix + ".1"))
