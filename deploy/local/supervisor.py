"""Keep nodes alive: whatever dies is started again, and a line says so."""

import asyncio
import time
from collections.abc import Iterable
from typing import NoReturn

from deploy.local.restarts import Restarts
from deploy.processes.errors import ServersError
from deploy.processes.node import Node
from deploy.servers.backends import Report


async def keep_alive(nodes: Iterable[Node], report: Report) -> None:
    """Watch every node until cancelled."""
    async with asyncio.TaskGroup() as group:
        for node in nodes:
            group.create_task(_keep_alive(node, report), name=node.name)


async def _keep_alive(node: Node, report: Report) -> NoReturn:
    restarts = Restarts()
    while True:
        await node.wait()
        pause = restarts.pause_seconds(time.monotonic() - node.started_at)
        when = f"in {pause:.0f} s" if pause else "now"
        report(f"{node.describe_exit()}: starting it again {when}")
        await asyncio.sleep(pause)
        await _revive(node, report)


async def _revive(node: Node, report: Report) -> None:
    """Start *node* and say when it is ready; one that freezes at its start is killed."""
    try:
        await node.start()
    except ServersError as error:
        report(str(error))
        return
    report(f"{node.name} started again (pid {node.pid})")
    try:
        await node.wait_ready()
    except ServersError as error:
        # If it died, the next turn of the watch says how.
        if node.pid is not None:
            report(str(error))
            await node.kill()
        return
    report(
        f"{node.name} is ready again, {time.monotonic() - node.started_at:.1f} s after its start"
    )
