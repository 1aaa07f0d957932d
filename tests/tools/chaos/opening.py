"""Start a whole system, and stop it however the run ends."""

import asyncio
import dataclasses
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from deploy.processes import process
from deploy.processes.node import Probe
from deploy.processes.ports import require_disk, require_free
from deploy.processes.process import Command, Running
from deploy.servers.backends import (
    Backend,
    Servers,
    build_servers,
    choose_backend,
    endpoints,
)
from deploy.servers.cluster import Cluster
from tests.servers.loopback import random_prefix
from tests.tools.chaos.faults.clocks import Clocks
from tests.tools.chaos.faults.isolation import Isolation, as_user
from tests.tools.chaos.options import (
    INGEST_NODES,
    QUERY_NODES,
    SERVERS,
    WORKERS,
    ChaosOptions,
    Tier,
)
from tests.tools.chaos.recorder import Report
from tests.tools.chaos.system import System, data_folder, user_of

_PROBE_PAUSE_SECONDS = 0.4
_SMALL_DISK_BYTES = 96 * 1024 * 1024
_SMALL_DISK_BYTES_A_MINUTE = 8 * 1024 * 1024


async def fetch_all(report: Report) -> Backend:
    """Fetch everything for the servers, while there is a network."""
    # Servers from outside must not be damaged.
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "CASSANDRA_CONTACT_POINTS"):
        os.environ.pop(name, None)
    return await choose_backend(report)


@asynccontextmanager
async def open_system(
    options: ChaosOptions, backend: Backend, isolation: Isolation, clocks: Clocks, report: Report
) -> AsyncIterator[System]:
    """Start everything and stop it at the end, however the run ends. Raises ServersError.

    The clocks of one broker, one Cassandra node and all processes of ours can step, if any can.
    """
    cluster = Cluster(options.directory, SERVERS, random_prefix(), options.commit_log)
    require_disk(cluster.directory)
    await require_free(endpoints(cluster))
    cluster.require_same_as_before()
    if isolation.cut:
        backend = dataclasses.replace(backend, launch=_launch_server)
    servers = build_servers(cluster, backend)
    if isolation.small_disk:
        size = _SMALL_DISK_BYTES + int(options.minutes * _SMALL_DISK_BYTES_A_MINUTE)
        isolation.mount_small(data_folder(servers.kafka[-1]), size)
    for node in servers.nodes:
        node._probe = _patiently(node._probe)
    for node in (servers.kafka[1], servers.cassandra[1]):
        command = dataclasses.replace(node.plan.command, environment=clocks.environment(node.name))
        node.plan = dataclasses.replace(node.plan, command=command)
    launch = _launch_as_user if isolation.cut else process.launch
    system = System(cluster, servers, launch, clocks.environment)
    system.nodes |= {Tier.KAFKA: list(servers.kafka), Tier.CASSANDRA: list(servers.cassandra)}
    try:
        await _start_servers(servers)
        report("brokers and Cassandra's nodes are ready")
        await system.prepare()
        for tier, nodes in (
            (Tier.INGEST, INGEST_NODES),
            (Tier.WORKER, WORKERS),
            (Tier.QUERY, QUERY_NODES),
        ):
            system.nodes[tier] = [system.build(tier) for _ in range(nodes)]
        await _all(node.start() for node in system.tiers)
        await _all(node.wait_ready() for node in system.tiers)
        report("the tiers are ready")
        yield system
    finally:
        await asyncio.gather(*(node.kill() for node in system.all), return_exceptions=True)
        if isolation.small_disk:
            isolation.unmount(data_folder(servers.kafka[-1]))


async def _start_servers(servers: Servers) -> None:
    async def start_brokers() -> None:
        await _all(node.start() for node in servers.kafka)
        await _all(node.wait_ready(SERVERS) for node in servers.kafka)

    async def start_stores() -> None:
        # The first node is the seed: the others request the ring from it.
        seed, *others = servers.cassandra
        await seed.start()
        await seed.wait_ready()
        await _all(node.start() for node in others)
        await _all(node.wait_ready(SERVERS) for node in servers.cassandra)

    await _all((start_brokers(), start_stores()))


async def _all(steps: Iterable[object]) -> None:
    """Run *steps* in parallel; the first error is raised when all have ended."""
    outcomes = await asyncio.gather(*steps, return_exceptions=True)  # type: ignore[call-overload]
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


async def _launch_server(command: Command) -> Running:
    user = user_of(command.name)
    # Java checks whether it may write there, which is false unless it owns the folder.
    for folder in (command.folder, command.folder / "tmp"):
        if folder.exists():
            os.chown(folder, user, -1)
    return await _launch_as_user(command)


async def _launch_as_user(command: Command) -> Running:
    """Start *command* as the user of its node, who leaves no bytecode in the project's folders."""
    return await process.launch(
        dataclasses.replace(
            command,
            arguments=as_user(user_of(command.name), command.arguments),
            environment={**command.environment, "PYTHONDONTWRITEBYTECODE": "1"},
        )
    )


def _patiently(probe: Probe) -> Probe:
    """Poll less often: clients that open a connection each time are expensive on a busy machine."""

    async def poll(members: int) -> str:
        missing = await probe(members)
        if missing:
            await asyncio.sleep(_PROBE_PAUSE_SECONDS)
        return missing

    return poll
