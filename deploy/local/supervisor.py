"""Keep nodes alive: whatever dies is started again, and a line says so."""

import asyncio
import time
from collections.abc import Iterable
from typing import NoReturn

from deploy.local.restarts import Restarts
from deploy.processes.errors import ServersError
from deploy.processes.node import Node
from deploy.servers.backends import Say


async def keep_alive(nodes: Iterable[Node], say: Say) -> None:
    """Watch every node until cancelled."""
    async with asyncio.TaskGroup() as group:
        for node in nodes:
            group.create_task(_keep_alive(node, say), name=node.name)


async def _keep_alive(node: Node, say: Say) -> NoReturn:
    restarts = Restarts()
    while True:
        await node.wait()
        pause = restarts.pause_seconds(time.monotonic() - node.started_at)
        when = f"in {pause:.0f} s" if pause else "now"
        say(f"{node.obituary()}: starting it again {when}")
        await asyncio.sleep(pause)
        await _revive(node, say)


async def _revive(node: Node, say: Say) -> None:
    """Start *node* and say when it is ready; one that freezes at its start is killed."""
    try:
        await node.start()
    except ServersError as error:
        say(str(error))
        return
    say(f"{node.name} started again (pid {node.pid})")
    try:
        await node.wait_ready()
    except ServersError as error:
        # If it died, the next turn of the watch says how.
        if node.pid is not None:
            say(str(error))
            await node.kill()
        return
    say(f"{node.name} is ready again, {time.monotonic() - node.started_at:.1f} s after its start")
