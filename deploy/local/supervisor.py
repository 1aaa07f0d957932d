"""Restart processes that end, and report each restart."""

import asyncio
from collections.abc import Iterable
from typing import NoReturn

from deploy.local.restarts import Restarts
from deploy.processes.errors import ServersError
from deploy.processes.node import Node
from deploy.servers.backends import Report


async def keep_alive(nodes: Iterable[Node], report: Report) -> None:
    """Restart every node that ends, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for node in nodes:
            group.create_task(_keep_alive(node, report), name=node.name)


async def _keep_alive(node: Node, report: Report) -> NoReturn:
    restarts = Restarts()
    while True:
        await node.wait()
        pause = restarts.pause_seconds(node.uptime_seconds)
        when = f"in {pause:.0f} s" if pause else "now"
        report(f"{node.describe_exit()}; restarting {when}")
        await asyncio.sleep(pause)
        await _restart(node, report)


async def _restart(node: Node, report: Report) -> None:
    """Start *node* and report when it is ready. Kill it if it does not become ready in time."""
    try:
        await node.start()
    except ServersError as error:
        report(str(error))
        return
    report(f"{node.name} restarted (pid {node.pid})")
    try:
        await node.wait_ready()
    except ServersError as error:
        # If it ended, the next turn of the loop reports how.
        if node.pid is not None:
            report(str(error))
            await node.kill()
        return
    report(f"{node.name} is ready, {node.uptime_seconds:.1f} s after its restart")
