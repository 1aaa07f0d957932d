"""Start and end a process: its one run, its signals, its exit status."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog
import uvloop

from shared.config import EnvironmentReader, LogConfig
from shared.errors import ConfigError, PipelineError
from shared.telemetry.logs import configure

log = structlog.stdlib.get_logger(__name__)

EXIT_FAILED = 1
EXIT_CONFIG = 2
EXIT_FORCED = 3

C = TypeVar("C")


_GC_THRESHOLDS = (50_000, 20, 50)


@contextmanager
def stop_on_signals() -> Iterator[asyncio.Event]:
    """Yield an event that SIGTERM or SIGINT sets; a second signal ends the process at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def handle() -> None:
        if stop.is_set():
            os._exit(EXIT_FORCED)
        stop.set()

    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, handle)
    try:
        yield stop
    finally:
        # The handlers stay: a second signal during a slow close must still end us at once.
        stop.set()


def on_hangup(act: Callable[[], None]) -> None:
    """Call *act* at each SIGHUP, from here on until the process ends; before, it ends us."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, act)


def stop_with_parent(stop: asyncio.Event) -> None:
    """Set *stop* when the standard input, a pipe that our parent holds, comes to its end."""
    loop = asyncio.get_running_loop()

    def ended() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    loop.add_reader(sys.stdin.fileno(), ended)


def settle_memory() -> None:
    """Spare the garbage collector what was made at the start and stays, and most of its runs.

    A busy node makes many objects and few cycles: by the default thresholds it looks for them
    hundreds of times a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def main(
    service: str, read: Callable[[EnvironmentReader], C], run: Callable[[C], Awaitable[None]]
) -> None:
    """Run one tier and exit: 0 means that it was told to stop and lost nothing.

    2: the environment is wrong, each problem on a line of its own. 1: it could not start, go
    on, or finish what it had in hand. 3: a second signal ended it.
    """
    reader = EnvironmentReader()
    logs = reader(LogConfig)
    config = read(reader)
    try:
        reader.check()
    except ConfigError as error:
        for problem in error.problems:
            print(f"{service}: {problem}", file=sys.stderr)  # noqa: T201 before the logs are set up
        sys.exit(EXIT_CONFIG)
    configure(logs.level, service)
    try:
        uvloop.run(_awaited(run, config))
    except* PipelineError as group:
        for leaf in _leaves(group):
            log.error("stopped", error=str(leaf), kind=type(leaf).__name__)  # noqa: TRY400 its sentence says it all
        sys.exit(EXIT_FAILED)
    except* Exception:
        # The one place where anything is caught: a defect is logged whole, and we exit.
        log.exception("crashed")
        sys.exit(EXIT_FAILED)


async def _awaited(run: Callable[[C], Awaitable[None]], config: C) -> None:
    await run(config)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
