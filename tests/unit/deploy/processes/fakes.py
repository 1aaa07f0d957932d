"""A fake process, a machine that starts fake processes, and a node on it."""

import asyncio
import signal
from pathlib import Path

from deploy.processes.node import Node, Plan
from deploy.processes.ports import Endpoint
from deploy.processes.process import Command, Running


class FakeProcess:
    """A process that ends at SIGTERM or SIGKILL, or when ``status`` is set."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None
        self.received: list[signal.Signals] = []

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self.status

    def signal(self, number: signal.Signals) -> None:
        """Record the signal; SIGTERM and SIGKILL end the process."""
        self.received.append(number)
        if number in {signal.SIGTERM, signal.SIGKILL} and self.status is None:
            self.status = 0 if number is signal.SIGTERM else -number


class FakeMachine:
    """Starts fake processes and records them in the order of their starts."""

    def __init__(self) -> None:
        self.started: list[Command] = []
        self.processes: list[FakeProcess] = []
        self.exit_statuses: list[int | None] = []
        """Exit statuses of the next processes, which end at once; None for one that runs."""
        self.changed = asyncio.Event()

    async def launch(self, command: Command) -> Running:
        """Start a process of *command*."""
        process = FakeProcess(1000 + len(self.processes))
        process.status = self.exit_statuses.pop(0) if self.exit_statuses else None
        self.started.append(command)
        self.processes.append(process)
        self.changed.set()
        return process


async def ready(_: int) -> str:
    """Report that the server is ready."""
    return ""


def build_node(machine: FakeMachine, folder: Path, *, setup: bool = False) -> Node:
    """Return a node of *machine* that is ready at once."""
    command = Command("kafka-1", ("java",), folder / "kafka-1.log", folder)
    prepare = Command("kafka-1-format", ("format",), folder / "format.log", folder)
    plan = Plan(
        command,
        (Endpoint("127.0.0.1", 19092),),
        {folder / "conf" / "x.properties": "a=b\n"},
        prepare if setup else None,
    )
    return Node(plan, machine.launch, ready, 60)
