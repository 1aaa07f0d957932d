"""The entries about our own processes and their input."""

import asyncio
import json
import time

from aiokafka import AIOKafkaProducer

from consumer.kafka.dead_letters import encode_letter
from shared.config import KafkaConfig
from shared.kafka.topic import open_topic
from shared.model.domain import parse_domain
from shared.model.event import Event, EventKind
from shared.model.record import encode_event
from tests.clients.client import Client
from tests.fakes.group_topic import StoredRecord
from tests.tools.runbook.lab import Lab, TrialError

_NOTICE_SECONDS = 45.0
"""Kafka clients refresh the number of partitions every half minute."""


async def rolling_upgrade(lab: Lab) -> None:
    """Replace every process of every tier in its place, under traffic."""
    async with lab.traffic():
        for tier, nodes in (
            ("ingest", lab.ingests),
            ("worker", lab.workers),
            ("query", lab.queries),
        ):
            with lab.timed(f"{len(nodes)} of tier {tier} replaced"):
                await lab.restart(nodes, tier)


async def add_and_remove(lab: Lab) -> None:
    """Start a third process of each tier and stop it again, under traffic."""
    async with lab.traffic():
        for tier in ("ingest", "worker", "query"):
            with lab.timed(f"a third of tier {tier}, ready"):
                third = await lab.start(tier)
            await asyncio.sleep(3)
            with lab.timed(f"the third of tier {tier} stopped"):
                status = await third.stop()
            if status != 0:
                raise TrialError(f"{third.name} exited with {status}")


async def more_partitions(lab: Lab) -> None:
    """Double the partitions, restart the ingest nodes; counts stay exact, and rows add up."""
    async with lab.traffic():
        with lab.timed("kafka-topics --alter --partitions 24"):
            await lab.kafka_tool(
                "org.apache.kafka.tools.TopicCommand",
                *("--alter", "--topic", lab.topic, "--partitions", "24"),
            )
        with lab.timed("the ingest nodes restarted"):
            await lab.restart(lab.ingests, "ingest")
        with lab.timed("the workers have taken the new partitions"):
            await _until_assigned(lab, 24)
    # The same domains again, from other partitions: rows of two topic partitions add up.
    lab.zones -= 1
    async with lab.traffic():
        await asyncio.sleep(3)


async def new_topic(lab: Lab) -> None:
    """Move to a topic with a new name, under traffic, with workers on both until one is empty."""
    old = list(lab.workers)
    fresh = {"KAFKA_TOPIC": f"{lab.topic}-2", "CONSUMER_GROUP": f"{lab.stack.name}-2"}
    async with lab.traffic():
        status, text = await lab.module("deploy.prepare", **fresh)
        if status != 0:
            raise TrialError(text)
        lab.environment |= fresh
        with lab.timed("workers of the new topic"):
            lab.workers = [await lab.start("worker") for _ in old]
        with lab.timed("the ingest nodes restarted with the new topic"):
            await lab.restart(lab.ingests, "ingest")
        with lab.timed("the old workers stopped"):
            for worker in old:
                await worker.stop()
    lab.zones -= 1
    async with lab.traffic():
        await asyncio.sleep(3)


async def dead_letters(lab: Lab) -> None:
    """Put garbage into the topic: it is kept, listed, and sent again once where it decodes."""
    servers = lab.servers.bootstrap_servers
    producer = AIOKafkaProducer(bootstrap_servers=servers)
    await producer.start()
    await producer.send_and_wait(lab.topic, key=b"\xff", value=b"garbage", partition=0)
    await producer.stop()
    letters = f"{lab.stack.name}-dead-letters"
    config = KafkaConfig(bootstrap_servers=servers, topic=lab.topic, dead_letter_topic=letters)
    event = Event(parse_domain("replayed.example.com"), EventKind.BOUNCED, 7)
    async with open_topic(config, letters) as topic:
        key, value = encode_event(event)
        # A record that a worker of an older version would have put aside.
        kept = StoredRecord(10**9, key, value, 0)
        letter = encode_letter(f"{lab.topic}/0", kept, "version 2 is unknown")
        await topic.append(0, [(f"{lab.topic}/0".encode(), letter)])
    deadline = time.monotonic() + 20
    while "garbage" not in (await lab.module("deploy.dead_letters", "list"))[1]:
        if time.monotonic() > deadline:
            raise TrialError("the garbage is not listed")
    for words in (("list",), ("replay", "--dry-run"), ("replay",), ("replay",), ("list",)):
        with lab.timed(f"python -m deploy.dead_letters {' '.join(words)}"):
            status, text = await lab.module("deploy.dead_letters", *words)
        lab.report("\n".join(f"    {line}" for line in text.splitlines()))
        if status != 0:
            raise TrialError(text)
    lab.accepted["replayed.example.com", "bounced"] += event.count
    await lab.check()


async def stopped_partition(lab: Lab) -> None:
    """Delete records that are counted and not committed: their partitions stop, until accepted."""
    async with lab.traffic():
        await asyncio.sleep(2)
    with lab.timed("the workers killed, all records deleted"):
        for worker in lab.workers:
            await worker.kill()
        await _delete_records(lab)
    starting = asyncio.gather(*(lab.start("worker") for _ in lab.workers))
    for words in (("list",), ("accept", "--all")):
        with lab.timed(f"python -m deploy.stopped_partitions {' '.join(words)}"):
            status, text = await lab.module("deploy.stopped_partitions", *words)
        lab.report("\n".join(f"    {line}" for line in text.splitlines()))
        if status != 0 or text.startswith("0 "):
            raise TrialError(text)
        if words == ("list",) and starting.done():
            raise TrialError("the workers are ready")
    with lab.timed("then the workers ready"):
        lab.workers = await starting
    async with lab.traffic():
        await asyncio.sleep(3)


async def _delete_records(lab: Lab) -> None:
    """Delete every record of the topic of events with Kafka's tool."""
    async with AIOKafkaProducer(bootstrap_servers=lab.servers.bootstrap_servers) as producer:
        numbers = sorted(await producer.partitions_for(lab.topic))
    ends = [{"topic": lab.topic, "partition": number, "offset": -1} for number in numbers]
    wanted = lab.cluster.folder("logs") / "offsets.json"
    wanted.parent.mkdir(exist_ok=True)
    wanted.write_text(json.dumps({"version": 1, "partitions": ends}))
    await lab.kafka_tool(
        "org.apache.kafka.tools.DeleteRecordsCommand", "--offset-json-file", str(wanted)
    )


async def false_bounces(lab: Lab) -> None:
    """Delete a domain after false bounces from a sender."""
    domain = "slandered.example.com"
    client = Client(lab.stack.http, lab.ingests[0].url, lab.queries[0].url)
    await client.report(domain, "delivered", 1_500)
    await client.report(domain, "bounced", 3)
    await client.wait_for_counts(domain, 1_500, 3)
    with lab.timed("the workers stopped"):
        for worker in lab.workers:
            await worker.stop()
    with lab.timed(f"python -m deploy.forget {domain}"):
        status, text = await lab.module("deploy.forget", domain)
    lab.report("\n".join(f"    {line}" for line in text.splitlines()))
    if status != 0:
        raise TrialError(text)
    with lab.timed("the workers started"):
        lab.workers = [await lab.start("worker") for _ in lab.workers]
    with lab.timed("the query nodes restarted"):
        await lab.restart(lab.queries, "query")
    client = Client(lab.stack.http, lab.ingests[0].url, lab.queries[0].url)
    await client.report(domain, "delivered", 1_001)
    answer = await client.wait_for_counts(domain, 1_001, 0)
    lab.report(f"    {answer}")
    await lab.check()


async def _until_assigned(lab: Lab, partitions: int) -> None:
    """Wait until the workers have that many partitions in total."""
    async with asyncio.timeout(_NOTICE_SECONDS + 15):
        while True:
            assigned = sum(
                [await lab.metric(worker, "catchall_assigned_partitions") for worker in lab.workers]
            )
            if assigned == partitions:
                return
            await asyncio.sleep(0.5)
