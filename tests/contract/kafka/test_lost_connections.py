"""What a request meets in the moment after its connection was lost."""

import asyncio
from collections import Counter

import uvloop
from aiokafka.client import AIOKafkaClient

from shared.config import KafkaConfig
from shared.errors import BrokerUnavailableError
from shared.kafka.client import client_arguments
from shared.kafka.group_offsets import read_group_offsets
from tests.contract.harness.scripted_broker import open_scripted_broker

RESETS = 10
AT_ONCE = 20


def test_right_after_its_connection_was_lost_a_request_finds_the_broker_unavailable() -> None:
    """On uvloop too, which itself refuses to write to such a connection."""
    outcomes: Counter[str] = Counter()

    async def ask(client: AIOKafkaClient, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await read_group_offsets(client, "group", "events", [0])
                outcomes["answered"] += 1
            except BrokerUnavailableError:
                outcomes["unavailable"] += 1
            except RuntimeError as error:
                outcomes[str(error)] += 1
            await asyncio.sleep(0)

    async def lose_connections() -> None:
        stop = asyncio.Event()
        async with open_scripted_broker({0: 7}) as broker:
            client = AIOKafkaClient(
                **client_arguments(KafkaConfig(bootstrap_servers=broker.address))
            )
            await client.bootstrap()
            async with asyncio.TaskGroup() as tasks:
                for _ in range(AT_ONCE):
                    tasks.create_task(ask(client, stop))
                for _ in range(RESETS):
                    await asyncio.sleep(0.05)
                    broker.reset()
                stop.set()
            await client.close()

    uvloop.run(lose_connections())
    assert set(outcomes) == {"answered", "unavailable"}
    assert outcomes["unavailable"] >= RESETS
