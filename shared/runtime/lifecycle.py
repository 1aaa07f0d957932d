"""Start and end a process: its main function, its signals, its exit status."""

import asyncio
import gc
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
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
        # The handlers stay: a second signal during a slow close must still end the process.
        stop.set()


def on_hangup(act: Callable[[], None]) -> None:
    """Call *act* at each SIGHUP from now on; before this call SIGHUP ends the process."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, act)


def stop_with_parent(stop: asyncio.Event) -> None:
    """Set *stop* when the parent ends: it holds the other end of standard input, a pipe."""
    loop = asyncio.get_running_loop()

    def read() -> None:
        if not os.read(sys.stdin.fileno(), 4096):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    loop.add_reader(sys.stdin.fileno(), read)


def tune_garbage_collector() -> None:
    """Exclude the objects made at start from garbage collection, and run it less often.

    A busy node makes many objects and few cycles: with the default thresholds the collector
    would run hundreds of times a second.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)


def raise_open_files() -> None:
    """Allow this process as many open files as the system does.

    A login or a container often starts with 1,024, for the sake of programs that use ``select``.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS names no limit, and refuses to be taken at its word
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main(
    service: str, read: Callable[[EnvironmentReader], C], run: Callable[[C], Awaitable[None]]
) -> None:
    """Run one tier and exit. Status 0: a signal stopped it, and nothing was lost.

    2: the settings are wrong; one line per problem. 1: it could not start, go
    on, or finish the work in flight. 3: a second signal ended it.
    """
    reader = EnvironmentReader()
    logs = reader(LogConfig)
    config = read(reader)
    try:
        reader.check()
    except ConfigError as error:
        _print_problems(service, error)
        sys.exit(EXIT_CONFIG)
    configure(logs.level, service)
    raise_open_files()
    try:
        uvloop.run(_run(run, config))
    except Exception as error:  # noqa: BLE001 the one place that catches everything
        sys.exit(_report(service, error))


def _report(service: str, error: Exception) -> int:
    """Log or print why the process ends; return its exit status."""
    leaves = list(_leaves(error))
    wrong = [leaf for leaf in leaves if isinstance(leaf, ConfigError)]
    if len(wrong) == len(leaves):
        # Some settings can only be compared with what a server has.
        for problem in wrong:
            _print_problems(service, problem)
        return EXIT_CONFIG
    if not all(isinstance(leaf, PipelineError) for leaf in leaves):
        # A defect is logged with its traceback.
        log.error("crashed", exc_info=error)
        return EXIT_FAILED
    for leaf in leaves:
        log.error("stopped", error=str(leaf), kind=type(leaf).__name__)
    return EXIT_FAILED


def _print_problems(service: str, error: ConfigError) -> None:
    """Print each problem on a line of its own, as text: the logs may not be set up."""
    for problem in error.problems:
        print(f"{service}: {problem}", file=sys.stderr)  # noqa: T201 see above


async def _run(run: Callable[[C], Awaitable[None]], config: C) -> None:
    """Make a coroutine of *run*, which is all that ``uvloop.run`` accepts."""
    await run(config)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
