"""An ingest node of several processes, each with a management port of its own."""

from tests.clients.client import Client
from tests.tiers.stack import Stack, TierProcess
from tests.waiting import until

PROCESSES = 2


def management(node: TierProcess, number: int) -> str:
    """Return the management address of process *number*."""
    base, _, port = node.management.rpartition(":")
    return f"{base}:{int(port) + number}"


async def all_ready(stack: Stack, node: TierProcess) -> None:
    """Wait until each process is ready."""
    client = Client(stack.http, "", "")

    async def are_ready() -> bool:
        try:
            replies = [
                await client.request("GET", f"{management(node, number)}/readyz")
                for number in range(PROCESSES)
            ]
        except OSError:
            return False  # one does not listen yet
        return all(reply.status == 200 for reply in replies)

    await until(are_ready)
