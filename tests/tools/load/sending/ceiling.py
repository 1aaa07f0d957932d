"""Measure this client alone: the same load on servers that answer at once."""

from contextlib import AsyncExitStack
from dataclasses import replace

from tests.tools.load.options import LoadOptions
from tests.tools.load.sending.processes import SendingError, open_module, send_all

CEILING_SECONDS = 2.0
_HOST = "127.0.0.1"


async def measure_ceiling(options: LoadOptions, seconds: float = CEILING_SECONDS) -> float:
    """Return the maximum rate of this client, in events sent and recorded per second.

    Uses as many servers as sending processes, each in a process of its own.
    """
    async with AsyncExitStack() as stack:
        nodes = []
        for _ in range(options.processes):
            process = await stack.enter_async_context(
                open_module("tests.tools.load.sending.answerer", _HOST)
            )
            assert process.stdout is not None
            port = await process.stdout.readline()
            if not port:
                raise SendingError("The server that answers at once did not start.")
            nodes.append(f"http://{_HOST}:{int(port)}")
        results = await send_all(
            replace(options, ingest=tuple(nodes), rate=0, events=None, duration_seconds=seconds),
            lambda _: None,
        )
    return results.series.accepted / results.seconds_sending
