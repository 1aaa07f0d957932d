"""Run the whole system: check, start, supervise, stop."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

from deploy.local import lock, tiers
from deploy.local.supervisor import keep_alive
from deploy.processes import log_tail, process
from deploy.processes.errors import ServersError
from deploy.processes.node import Node, describe_status
from deploy.processes.ports import require_free
from deploy.servers.backends import Report, Servers, open_servers
from deploy.servers.cluster import Cluster

_PREPARE_LIMIT_SECONDS = 90
_DRAIN_SECONDS = 11  # a tier drains within 10
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def run(cluster: Cluster, report: Report) -> int:
    """Run everything until a signal arrives; return the exit status.

    A second signal kills everything at once. Raises ServersError for problems that users can fix.
    """
    work = asyncio.create_task(_run(cluster, report))
    loop = asyncio.get_running_loop()
    received: list[signal.Signals] = []

    def on_signal(number: signal.Signals) -> None:
        if received:
            _kill_everything()
        received.append(number)
        report(f"{number.name} received: stopping the tiers, then the servers (again: kill all)")
        work.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    failures: list[str] = []
    try:
        failures = await work
    except asyncio.CancelledError:
        # The signal came before everything was running. All that had started is stopped by now.
        if not received:
            raise
    for failure in failures:
        report(failure)
    report("everything has stopped")
    return 1 if failures else 0


async def _run(cluster: Cluster, report: Report) -> list[str]:
    """Run until cancelled; return the problems of the shutdown."""
    failures: list[str] = []
    with lock.acquire(cluster.directory.with_name(cluster.directory.name + ".lock")):
        await require_free(tiers.listened(cluster))
        async with (
            open_servers(
                cluster.directory,
                nodes=cluster.nodes,
                prefix=cluster.prefix,
                report=report,
            ) as servers,
            _open_tiers(cluster, servers, failures, report) as started,
        ):
            for line in welcome(cluster):
                report(line)
            # Cancelling is the normal end: leaving the contexts stops everything.
            with suppress(asyncio.CancelledError):
                await keep_alive([*servers.nodes, *started], report)
    return failures


@asynccontextmanager
async def _open_tiers(
    cluster: Cluster,
    servers: Servers,
    failures: list[str],
    report: Report,
) -> AsyncIterator[list[Node]]:
    """Prepare the servers, start the tiers, and stop them on exit."""
    await _prepare(cluster, servers, report)
    nodes = tiers.build_tiers(cluster, servers)
    try:
        for node in nodes:
            await node.start()
        for node in nodes:
            await node.wait_ready()
            report(
                f"{node.name} is ready after {node.uptime_seconds:.1f} s (pid {node.pid}), "
                f"log {node.shown_log}"
            )
        yield nodes
    finally:
        running = [node for node in nodes if node.pid is not None]
        statuses = await asyncio.gather(*(node.stop(_DRAIN_SECONDS) for node in running))
        failures += [
            f"{node.name} did not stop cleanly, it {describe_status(status)}: see {node.log}"
            for node, status in zip(running, statuses, strict=True)
            if status != 0
        ]
        report("the tiers have stopped")


async def _prepare(cluster: Cluster, servers: Servers, report: Report) -> None:
    command = tiers.prepare(cluster, servers)
    started = time.monotonic()
    log_start = command.log.stat().st_size if command.log.exists() else 0
    try:
        status = await process.run(command, process.launch, _PREPARE_LIMIT_SECONDS)
    except TimeoutError as error:
        raise ServersError(
            f"creating keyspace, table and topics took more than {_PREPARE_LIMIT_SECONDS} s: "
            f"see {command.log}",
        ) from error
    if status != 0:
        raise ServersError(
            f"creating keyspace, table and topics {describe_status(status)}: "
            f"{log_tail.last_error(command.log, log_start)} (see {command.log})",
        )
    report(f"keyspace, table and topics exist after {time.monotonic() - started:.1f} s")


def welcome(cluster: Cluster) -> list[str]:
    """Return the URLs as lines, and one command to copy."""
    host = cluster.host(1)
    ingest, query = f"http://{host}:{tiers.INGEST.port}", f"http://{host}:{tiers.QUERY.port}"
    return [
        "everything is ready; Ctrl-C stops it",
        f"ingest: {ingest}",
        f"query:  {query}",
        f"page:   {query}/",
        f"API:    {query}/docs",
        "send an event, then read the domain's status:",
        (
            f"curl -X PUT {ingest}/events/example.com/bounced && sleep 1 && "
            f"curl {query}/domains/example.com"
        ),
    ]


def _kill_everything() -> None:
    for child in psutil.Process().children(recursive=True):
        child.kill()
    os._exit(130)


def default_directory() -> Path:
    """Return where `make run` keeps its data."""
    return tiers.ROOT / ".local" / "data"
