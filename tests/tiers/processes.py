"""An ingest node of several processes, each with a management port of its own."""

import asyncio

from tests.clients.client import Client
from tests.tiers.stack import Stack, TierProcess

PROCESSES = 2
SOON_SECONDS = 20.0


def management(node: TierProcess, number: int) -> str:
    """Return where process *number* is asked how it is."""
    base, _, port = node.management.rpartition(":")
    return f"{base}:{int(port) + number}"


async def all_ready(stack: Stack, node: TierProcess) -> None:
    """Wait until each process is ready."""
    client = Client(stack.http, "", "")
    async with asyncio.timeout(SOON_SECONDS):
        for number in range(PROCESSES):
            while True:
                try:
                    reply = await client.request("GET", f"{management(node, number)}/readyz")
                    if reply.status == 200:
                        break
                except OSError:
                    pass  # it does not listen yet
                await asyncio.sleep(0.05)
