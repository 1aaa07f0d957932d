"""The entries about Kafka's brokers and Cassandra's nodes."""

import asyncio
import json
import re
import shutil
from contextlib import suppress
from pathlib import Path

from deploy.processes.node import Node
from shared.cassandra.session import open_session
from shared.config import CassandraConfig
from tests.servers.nodetool import nodetool
from tests.tools.runbook.lab import Lab, TrialError

_REASSIGN = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
_TOPIC = re.compile(r"[A-Za-z0-9._-]+")
_STOP_SECONDS = 30.0
_TABLE = "domain_counters"
_COUNT = "SELECT COUNT(*) AS found FROM {keyspace}.domain_counters"


async def restart_servers(lab: Lab) -> None:
    """Restart each broker and each Cassandra node in turn, under traffic."""
    async with lab.traffic():
        for node in lab.servers.kafka:
            with lab.timed(f"{node.name} restarted and in sync"):
                await node.stop(_STOP_SECONDS)
                await node.start()
                await node.wait_ready(len(lab.servers.kafka))
                await _in_sync(lab)
    async with lab.traffic():
        for node in lab.servers.cassandra:
            with lab.timed(f"{node.name} drained, restarted, up"):
                await nodetool(node, "drain")
                await node.stop(_STOP_SECONDS)
                await node.start()
                await node.wait_ready(len(lab.servers.cassandra))


async def add_and_remove_broker(lab: Lab) -> None:
    """Move every partition of broker 3 to a broker 4 and back, under traffic."""
    fourth = lab.new_broker(4)
    try:
        async with lab.traffic():
            with lab.timed("broker 4 ready"):
                await fourth.start()
                await fourth.wait_ready(4)
            with lab.timed("all partitions moved from broker 3 to 4"):
                await _move(lab, "1,2,4")
            third = lab.servers.kafka[2]
            with lab.timed("broker 3 stopped"):
                await third.stop(_STOP_SECONDS)
            await asyncio.sleep(3)
            with lab.timed("broker 3 started"):
                await third.start()
                await third.wait_ready(4)
            with lab.timed("all partitions moved back"):
                await _move(lab, "1,2,3")
            with lab.timed("broker 4 stopped"):
                await fourth.stop(_STOP_SECONDS)
            with lab.timed("kafka-cluster unregister --id 4"):
                await lab.kafka_tool(
                    "org.apache.kafka.tools.ClusterTool", "unregister", "--id", "4"
                )
    finally:
        await fourth.kill()


async def add_and_remove_store(lab: Lab) -> None:
    """Let a fourth Cassandra node join, clean up, and decommission it, under traffic."""
    # Between nodes 2 and 3; with the default num_tokens a node needs no initial token.
    fourth = lab.new_store(4, {"auto_bootstrap": True, "initial_token": str(2**61)})
    try:
        async with lab.traffic():
            with lab.timed("node 4 has joined"):
                await fourth.start()
                await fourth.wait_ready(4)
            with lab.timed("nodetool cleanup on the others"):
                for node in lab.servers.cassandra:
                    await nodetool(node, "cleanup", lab.keyspace)
            with lab.timed("nodetool decommission on node 4"):
                await nodetool(fourth, "decommission")
            await fourth.stop(_STOP_SECONDS)
    finally:
        await fourth.kill()


async def replace_dead_store(lab: Lab) -> None:
    """Lose node 3 for good; a node with a new address takes its tokens, under traffic."""
    dead = lab.servers.cassandra[2]
    host = dead.plan.endpoints[0].host
    token = json.loads(
        next(
            line.split(": ", 1)[1]
            for path, text in dead.plan.files.items()
            if path.name == "cassandra.yaml"
            for line in text.splitlines()
            if line.startswith("initial_token")
        )
    )
    fresh = lab.new_store(
        5,
        {"auto_bootstrap": True, "initial_token": token},
        f"-Dcassandra.replace_address_first_boot={host}",
    )
    async with lab.traffic():
        with lab.timed("node 3 killed, 10 s without it"):
            await dead.kill()
            await asyncio.sleep(10)
        with lab.timed("node 5 has taken its place"):
            await fresh.start()
            lab.servers.cassandra[2] = fresh
            await fresh.wait_ready(3)
        with lab.timed("nodetool repair -full"):
            await nodetool(fresh, "repair", "-full", lab.keyspace)
    status = await nodetool(lab.servers.cassandra[0], "status")
    lab.report("\n".join(f"    {line}" for line in status.splitlines() if line[:2] in {"UN", "DN"}))


async def restore_from_log(lab: Lab) -> None:
    """Lose every counter, and count the whole log again."""
    async with lab.traffic():
        await asyncio.sleep(2)
    with lab.timed("workers stopped, counters gone"):
        await _stop_workers(lab)
        await _truncate(lab)
    with lab.timed("counted again"):
        await _count_again(lab, "from-log")
        await lab.check()


async def restore_from_snapshot(lab: Lab) -> None:
    """Lose every counter, restore a snapshot, and count the later events."""
    async with lab.traffic():
        await asyncio.sleep(2)
        with lab.timed("nodetool snapshot on each node"):
            for node in lab.servers.cassandra:
                await nodetool(node, "snapshot", "-t", "kept", lab.keyspace)
                await asyncio.to_thread(_put_aside, node, lab.keyspace)
        await asyncio.sleep(2)
    with lab.timed("workers stopped, counters gone"):
        await _stop_workers(lab)
        await _truncate(lab)
    with lab.timed("nodetool import on each node"):
        for node in lab.servers.cassandra:
            where = str(_aside(node, lab.keyspace))
            await nodetool(node, "import", lab.keyspace, _TABLE, where)
    lab.report(f"  {await _rows(lab):,} rows are back")
    with lab.timed("counted the events after the snapshot"):
        await _count_again(lab, "from-snapshot")
        await lab.check()


async def full_disk(lab: Lab) -> None:
    """Fill the disk of broker 2, then that of Cassandra node 2, under traffic."""
    if not lab.isolation.small_disk:
        raise TrialError(f"no small disks on this machine: {lab.isolation.reason}")
    for node, folder in (
        (lab.servers.kafka[1], "data"),
        (lab.servers.cassandra[1], "."),
    ):
        async with lab.traffic():
            ballast = node.plan.command.folder / folder / "ballast"
            await asyncio.to_thread(_fill, ballast)
            await asyncio.sleep(15)
            lab.report(f"  {node.name} with a full disk: {node.describe_exit()}")
            lab.report(f"    its last lines: {_last_words(node)}")
            ballast.unlink()
            with lab.timed(f"{node.name}: disk freed, restarted, ready"):
                await node.stop(_STOP_SECONDS)
                await node.start()
                await node.wait_ready(3)


async def _move(lab: Lab, brokers: str) -> None:
    """Let Kafka propose the replicas' places, execute the plan, and wait until it is done."""
    topics = await _topics(lab)
    wanted = lab.cluster.folder("logs") / "topics.json"
    wanted.write_text(json.dumps({"version": 1, "topics": [{"topic": name} for name in topics]}))
    proposed = await lab.kafka_tool(
        _REASSIGN, "--generate", "--topics-to-move-json-file", str(wanted), "--broker-list", brokers
    )
    plan = lab.cluster.folder("logs") / "plan.json"
    plan.write_text([line for line in proposed.splitlines() if line.startswith("{")][-1])
    await lab.kafka_tool(_REASSIGN, "--execute", "--reassignment-json-file", str(plan))
    async with asyncio.timeout(120):
        while True:
            output = await lab.kafka_tool(
                _REASSIGN, "--verify", "--reassignment-json-file", str(plan)
            )
            if "still in progress" not in output:
                return
            await asyncio.sleep(1)


async def _topics(lab: Lab) -> list[str]:
    text = await lab.kafka_tool("org.apache.kafka.tools.TopicCommand", "--list")
    return [line for line in text.splitlines() if _TOPIC.fullmatch(line)]


async def _in_sync(lab: Lab) -> None:
    async with asyncio.timeout(60):
        while "Topic:" in await lab.kafka_tool(
            "org.apache.kafka.tools.TopicCommand",
            "--describe",
            "--under-replicated-partitions",
        ):
            await asyncio.sleep(0.5)


async def _stop_workers(lab: Lab) -> None:
    for worker in lab.workers:
        await worker.stop()


async def _truncate(lab: Lab) -> None:
    config = CassandraConfig(contact_points=lab.servers.contact_points, keyspace=lab.keyspace)
    async with open_session(config) as session:
        await session.write(f"TRUNCATE {lab.keyspace}.{_TABLE}")


async def _rows(lab: Lab) -> int:
    """Return the number of rows; raises TrialError if there are none."""
    config = CassandraConfig(contact_points=lab.servers.contact_points, keyspace=lab.keyspace)
    async with open_session(config) as session:
        (row,) = await session.read(_COUNT.format(keyspace=lab.keyspace))
    if not row.found:
        raise TrialError("the snapshot was not restored")
    return int(row.found)


async def _count_again(lab: Lab, name: str) -> None:
    """Start workers of a group without commits, and query nodes with empty caches."""
    lab.environment["CONSUMER_GROUP"] = f"{lab.stack.name}-{name}"
    lab.workers = [await lab.start("worker") for _ in lab.workers]
    await lab.restart(lab.queries, "query")


def _aside(node: Node, keyspace: str) -> Path:
    return node.plan.command.folder / "aside" / keyspace / _TABLE


def _put_aside(node: Node, keyspace: str) -> None:
    """Copy the snapshot to the place of a restored backup."""
    (snapshot,) = (node.plan.command.folder / "data" / keyspace).glob(f"{_TABLE}-*/snapshots/kept")
    shutil.copytree(snapshot, _aside(node, keyspace))


def _fill(ballast: Path) -> None:
    """Write until the disk is full."""
    for chunk in (bytes(1024 * 1024), b"\0"):
        with suppress(OSError), ballast.open("ab", buffering=0) as file:
            while file.write(chunk):
                pass


def _last_words(node: Node) -> str:
    lines = node.log.read_text(errors="replace").splitlines()
    output = [line for line in lines if "No space left" in line or "ERROR" in line]
    return output[-1][:300] if output else "none"
