"""Keep several ingest processes on one port, for a machine with more cores than one.

Each is a whole node with connections, limits and a management port of its own; the kernel
deals the clients out. One that dies is started again. All of them stop when their parent is
told to, or dies, and SIGHUP is handed on to them.
"""

import asyncio
import os
import signal
import sys

import structlog

from ingest.config import IngestSettings
from shared.errors import PipelineError
from shared.runtime import lifecycle

log = structlog.stdlib.get_logger(__name__)

_RESTART_SECONDS = 1.0
_STOP_SLACK_SECONDS = 5.0


Children = dict[int, asyncio.subprocess.Process]


async def run_processes(settings: IngestSettings) -> None:
    """Run them until told to stop. Raises PipelineError if one lost something in the end."""
    children: Children = {}

    def hand_on() -> None:
        for child in children.values():
            if child.returncode is None:
                # One that is only starting is ended by it, and started again a second later.
                child.send_signal(signal.SIGHUP)

    lifecycle.on_hangup(hand_on)
    with lifecycle.stop_on_signals() as stop:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(_keep_running(number, settings, stop, children))
                for number in range(settings.processes)
            ]
    failed = [number for number, task in enumerate(running) if task.result() != 0]
    if failed:
        raise PipelineError(f"processes that did not end well: {failed}")


async def _keep_running(
    number: int, settings: IngestSettings, stop: asyncio.Event, children: Children
) -> int:
    """Return the status with which the process ended after it was told to stop."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ingest",
            stdin=asyncio.subprocess.PIPE,
            # A terminal's Ctrl-C goes to a whole group; a second signal would end them at once.
            start_new_session=True,
            env={**os.environ, "INGEST_PROCESS": str(number)},
        )
        children[number] = process
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return await _stop(process, settings)
        stopping.cancel()
        log.warning("a process died", process=number, status=process.returncode)
        try:
            async with asyncio.timeout(_RESTART_SECONDS):
                await stop.wait()
        except TimeoutError:
            continue
        return process.returncode or 0


async def _stop(process: asyncio.subprocess.Process, settings: IngestSettings) -> int:
    if process.returncode is None:
        process.terminate()
    try:
        # Once for the requests in hand, once for what Kafka has not answered.
        async with asyncio.timeout(2 * settings.drain_seconds + _STOP_SLACK_SECONDS):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()
