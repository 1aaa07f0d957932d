"""A pipeline that requires API keys, and the command that creates and changes them."""

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy import keys as key_desk
from tests.clients.client import Client
from tests.tiers.processes import PROCESSES
from tests.tiers.stack import Stack, TierProcess
from tests.waiting import until

RELOADED = '"reloaded"'


@dataclass(slots=True)
class Keyed:
    """A pipeline that requires API keys; its ingest node has two processes."""

    stack: Stack
    query: TierProcess
    ingest: TierProcess
    file: Path
    capture: pytest.CaptureFixture[str]
    secrets: list[str] = field(default_factory=list, repr=False)
    """All secrets created so far."""

    @property
    def client(self) -> Client:
        """A client without a key."""
        return Client(self.stack.http, self.ingest.url, self.query.url)

    def desk(self, command: str, name: str, *words: str) -> dict[str, str]:
        """Create or change a key; return the header with a new secret."""
        status = key_desk.main([command, "--file", str(self.file), "--id", name, *words])
        printed, said = self.capture.readouterr()
        assert status == 0, said
        self.secrets += [line.partition(".")[2] for line in printed.splitlines()]
        return {"Authorization": f"Bearer {printed.strip()}"}

    async def reload(self) -> None:
        """Send SIGHUP to both nodes; wait until each process has read the key file."""
        await self.hang_up(RELOADED)

    async def hang_up(self, awaited: str) -> None:
        """Send SIGHUP to both nodes; wait until each process has logged *awaited* once more."""
        nodes = ((self.ingest, PROCESSES), (self.query, 1))
        before = [node.log_text().count(awaited) for node, _ in nodes]
        for node, _ in nodes:
            node.running.signal(signal.SIGHUP)
        await until(
            lambda: all(
                node.log_text().count(awaited) >= seen + times
                for (node, times), seen in zip(nodes, before, strict=True)
            )
        )

    async def new(self, name: str, *words: str) -> dict[str, str]:
        """Create a key and make it valid."""
        header = self.desk("new", name, *words)
        await self.reload()
        return header

    async def stored(self, operator: Mapping[str, str]) -> int:
        """Return the number of records in Kafka."""
        await asyncio.sleep(1.0)  # a pulse is cached for that long
        pulse = await self.client.request("GET", f"{self.query.url}/pulse", headers=operator)
        assert pulse.status == 200, pulse.text
        return sum(each["end"] for each in pulse.body["partitions"])
