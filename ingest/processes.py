"""Run several ingest processes on one port, to use several cores.

Each process is a whole node with separate connections, limits and management port; the kernel
distributes the connections. The parent restarts a process that dies and forwards SIGHUP. All
processes stop when their parent stops or dies.
"""

import asyncio
import os
import signal
import sys

import structlog

from ingest.config import IngestSettings
from shared.errors import PipelineError
from shared.runtime.lifecycle import on_hangup, stop_on_signals

log = structlog.stdlib.get_logger(__name__)

_RESTART_SECONDS = 1.0
_STOP_SLACK_SECONDS = 5.0


Children = dict[int, asyncio.subprocess.Process]


async def run_processes(settings: IngestSettings) -> None:
    """Run the processes until a stop signal. Raises PipelineError if one exits with an error."""
    children: Children = {}

    def forward_hangup() -> None:
        for child in children.values():
            if child.returncode is None:
                # SIGHUP ends a process that has no handler yet; it is restarted a second later.
                child.send_signal(signal.SIGHUP)

    on_hangup(forward_hangup)
    with stop_on_signals() as stop:
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(_keep_running(number, settings, stop, children))
                for number in range(settings.processes)
            ]
    failed = [number for number, task in enumerate(running) if task.result() != 0]
    if failed:
        raise PipelineError(f"processes that exited with an error: {failed}")


async def _keep_running(
    number: int, settings: IngestSettings, stop: asyncio.Event, children: Children
) -> int:
    """Restart the process until the stop signal; return its last exit status."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ingest",
            stdin=asyncio.subprocess.PIPE,
            # Ctrl-C in a terminal signals the whole process group, and a second signal kills.
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
        log.warning("process died", process=number, status=process.returncode)
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
        # Once for the requests in flight, once for batches that Kafka has not answered.
        async with asyncio.timeout(2 * settings.drain_seconds + _STOP_SLACK_SECONDS):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()
