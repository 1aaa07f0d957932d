"""Start the sending processes and add up their outcomes."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter, process_time

from tests.tools.load.measurement.series import Series
from tests.tools.load.options import LoadOptions
from tests.tools.load.sending import frames
from tests.tools.load.sending.book import MAX_BREACHES
from tests.tools.load.streams.profiles import domains_of
from tests.tools.load.streams.schedule import Share
from tests.tools.load.verification.ledger import Ledger

_ROOT = Path(__file__).resolve().parents[4]
_HEAD_START_SECONDS = 0.1


class SendingError(Exception):
    """A sending process ended before it had sent its share."""


class Results:
    """The outcomes of a run so far."""

    def __init__(self, options: LoadOptions) -> None:
        self.ledger = Ledger(domains_of(options))
        self.series = Series()
        self.in_flight: dict[int, int] = {}
        self.breaches: list[str] = []
        self.began = self.ended = 0.0
        self.last_accepted: float | None = None
        self.cpu_seconds = 0.0
        """Of all processes of the load tool, while they sent."""

    @property
    def seconds_sending(self) -> float:
        """The time until the last outcome was known."""
        return self.ended - self.began

    def finish(self, finished: frames.Finished) -> None:
        """Add the last message of a process."""
        self.ended = max(self.ended, finished.ended)
        if finished.last_accepted is not None:
            self.last_accepted = max(self.last_accepted or 0.0, finished.last_accepted)
        self.cpu_seconds += finished.cpu_seconds
        self.breaches = (self.breaches + finished.breaches)[:MAX_BREACHES]


async def send_all(options: LoadOptions, on_progress: Callable[[Results], None]) -> Results:
    """Send the load from as many processes as the options require; return the outcomes."""
    results = Results(options)
    shares = [Share(first, options.processes) for first in range(options.processes)]
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(open_module("tests.tools.load.sending.process"))
            for _ in shares
        ]
        for process, share in zip(processes, shares, strict=True):
            connections = len(range(share.first, options.connections, share.processes))
            _send(process, frames.Begin(options, share, connections))
        for process in processes:
            await _receive(process)
        spent = process_time()
        results.began = perf_counter() + _HEAD_START_SECONDS
        for process in processes:
            _send(process, frames.Go(results.began))
        async with asyncio.TaskGroup() as tasks:
            for number, process in enumerate(processes):
                tasks.create_task(_follow(number, process, results, on_progress))
        results.cpu_seconds += process_time() - spent
    return results


async def _follow(
    number: int, process: Process, results: Results, on_progress: Callable[[Results], None]
) -> None:
    while True:
        match await _receive(process):
            case frames.Progress(seconds=seconds, in_flight=in_flight):
                results.in_flight[number] = in_flight
                results.series.add(seconds)
                on_progress(results)
            case frames.Entries(outcome=outcome, piece=piece):
                results.ledger.add(outcome, piece)
            case frames.Finished() as finished:
                results.finish(finished)
                return
            case other:
                raise SendingError(
                    f"Unexpected message from a sending process: {type(other).__name__}."
                )


@asynccontextmanager
async def open_module(module: str, *arguments: str) -> AsyncIterator[Process]:
    """Run a module as a process that ends with the context."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdin=PIPE, stdout=PIPE, cwd=_ROOT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        # Reads the rest of its output: with a full pipe, waiting alone would not end.
        await process.communicate()


def _send(process: Process, message: frames.Message) -> None:
    assert process.stdin is not None
    process.stdin.write(frames.encode(message))


async def _receive(process: Process) -> frames.Message:
    assert process.stdout is not None
    try:
        head = await process.stdout.readexactly(frames.LENGTH.size)
        return frames.decode(await process.stdout.readexactly(frames.LENGTH.unpack(head)[0]))
    except asyncio.IncompleteReadError as error:
        raise SendingError(
            "A sending process ended early; its output above has the reason."
        ) from error
