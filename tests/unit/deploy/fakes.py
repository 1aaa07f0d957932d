"""A process that runs nowhere."""

import asyncio
import signal
from pathlib import Path

from deploy.processes.node import Node, Plan
from deploy.processes.ports import Endpoint
from deploy.processes.process import Command, Running


class FakeProcess:
    """Runs until it is signalled or told to end; frozen, it hears SIGKILL alone."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None
        self.received: list[signal.Signals] = []

    def poll(self) -> int | None:
        """Return the exit status, or None while it runs."""
        return self.status

    def signal(self, number: signal.Signals) -> None:
        """Note the signal, and end by one that ends."""
        self.received.append(number)
        if number in {signal.SIGTERM, signal.SIGKILL} and self.status is None:
            self.status = 0 if number is signal.SIGTERM else -number


class FakeMachine:
    """Launches fake processes and keeps them in order of their start."""

    def __init__(self) -> None:
        self.started: list[Command] = []
        self.processes: list[FakeProcess] = []
        self.endings: list[int | None] = []
        """How the next processes end at once; None for one that runs."""
        self.changed = asyncio.Event()

    async def launch(self, command: Command) -> Running:
        """Start a process of *command*."""
        process = FakeProcess(1000 + len(self.processes))
        process.status = self.endings.pop(0) if self.endings else None
        self.started.append(command)
        self.processes.append(process)
        self.changed.set()
        return process


async def ready(_: int) -> str:
    """Answer as a server that is ready."""
    return ""


def build_node(machine: FakeMachine, folder: Path, *, setup: bool = False) -> Node:
    """Return a node of *machine* that is ready as soon as it is asked."""
    command = Command("kafka-1", ("java",), folder / "kafka-1.log", folder)
    prepare = Command("kafka-1-format", ("format",), folder / "format.log", folder)
    plan = Plan(
        command,
        (Endpoint("127.0.0.1", 19092),),
        {folder / "conf" / "x.properties": "a=b\n"},
        prepare if setup else None,
    )
    return Node(plan, machine.launch, ready, 60)
