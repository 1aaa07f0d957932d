"""Try the entries of deploy/RUNBOOK.md: ``python -m tests.tools.runbook [NAME ...]``.

Exit status 0: every entry went as described; 1: one did not; 2: no servers could be started.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from deploy.processes.errors import ServersError
from deploy.servers.backends import Backend, Servers, build_servers, choose_backend
from deploy.servers.cluster import Cluster
from tests.servers.loopback import random_prefix
from tests.tiers.stack import ROOT, Stack
from tests.tools.chaos.faults.isolation import Isolation, isolate
from tests.tools.runbook import servers as on_servers
from tests.tools.runbook import tiers as on_tiers
from tests.tools.runbook.lab import NODES, Lab, fetch_tools

ENTRIES: dict[str, Callable[[Lab], Awaitable[None]]] = {
    entry.__name__: entry
    for entry in (
        on_tiers.rolling_upgrade,
        on_tiers.add_and_remove,
        on_servers.restart_servers,
        on_servers.add_and_remove_broker,
        on_servers.add_and_remove_store,
        on_servers.replace_dead_store,
        on_tiers.more_partitions,
        on_tiers.dead_letters,
        on_tiers.false_bounces,
        on_servers.restore_from_log,
        on_servers.restore_from_snapshot,
        on_servers.full_disk,
        on_tiers.new_topic,
        # Last: it deletes the records that a restore counts again.
        on_tiers.stopped_partition,
    )
}
_KAFKA_DISK = 256 * 1024 * 1024
_CASSANDRA_DISK = 640 * 1024 * 1024


async def run(
    chosen: list[str], folder: Path, backend: Backend, tools: Path, isolation: Isolation
) -> int:
    """Start everything once and try one entry after the other."""
    cluster = Cluster(folder, NODES, random_prefix())
    cluster.require_same_as_before()
    servers = build_servers(cluster, backend)
    if isolation.small_disk and "full_disk" in chosen:
        isolation.mount_small(servers.kafka[1].plan.command.folder / "data", _KAFKA_DISK)
        isolation.mount_small(servers.cassandra[1].plan.command.folder, _CASSANDRA_DISK)
    failed = 0
    try:
        began = time.monotonic()
        await _start(servers)
        _say(f"three brokers and three Cassandra nodes: {time.monotonic() - began:.1f} s")
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": servers.bootstrap_servers,
            "CASSANDRA_CONTACT_POINTS": servers.contact_points,
            "CONSUMER_COMMIT_INTERVAL_SECONDS": "5",
        }
        began = time.monotonic()
        async with Stack("runbook", folder / "tiers", environment) as stack:
            _say(f"python -m deploy.prepare: {time.monotonic() - began:.1f} s")
            lab = Lab(cluster, backend, servers, tools, isolation, stack, _say)
            began = time.monotonic()
            lab.ingests, lab.workers, lab.queries = await stack.all(ingest=2, workers=2, query=2)
            _say(f"two of each tier ready: {time.monotonic() - began:.1f} s")
            for name in chosen:
                failed += not await _try(name, lab)
    finally:
        await asyncio.gather(*(node.kill() for node in servers.nodes), return_exceptions=True)
    return 1 if failed else 0


async def _try(name: str, lab: Lab) -> bool:
    entry = ENTRIES[name]
    _say(f"{name}: {(entry.__doc__ or '').splitlines()[0]}")
    began = time.monotonic()
    try:
        await entry(lab)
    except Exception as error:  # noqa: BLE001 the other entries follow
        _say(f"{name}: FAILED after {time.monotonic() - began:.1f} s: {error!r}")
        return False
    _say(f"{name}: as described, {time.monotonic() - began:.1f} s")
    return True


async def _start(servers: Servers) -> None:
    async def brokers() -> None:
        await asyncio.gather(*(node.start() for node in servers.kafka))
        await asyncio.gather(*(node.wait_ready(NODES) for node in servers.kafka))

    async def stores() -> None:
        seed, *others = servers.cassandra
        await seed.start()
        await seed.wait_ready()
        await asyncio.gather(*(node.start() for node in others))
        await asyncio.gather(*(node.wait_ready(NODES) for node in servers.cassandra))

    await asyncio.gather(brokers(), stores())


async def _fetch() -> tuple[Backend, Path]:
    backend = await choose_backend(_say)
    return backend, await fetch_tools(backend, _say)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(words: list[str]) -> int:
    """Try the entries named by *words*, or all."""
    chosen = words or list(ENTRIES)
    if unknown := set(chosen) - ENTRIES.keys():
        _say(f"no entry {sorted(unknown)}; the entries are {', '.join(ENTRIES)}")
        return 2
    for client in ("aiokafka", "cassandra"):
        logging.getLogger(client).setLevel(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    folder = ROOT / ".local" / "runbook" / time.strftime("%Y%m%d-%H%M%S")
    try:
        backend, tools = asyncio.run(_fetch())
        isolation = isolate() if "full_disk" in chosen else Isolation(reason="not requested")
        return asyncio.run(run(chosen, folder, backend, tools, isolation))
    except ServersError as error:
        _say(str(error))
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
