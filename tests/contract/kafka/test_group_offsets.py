"""Committed offsets, from a coordinator that moves, loads, or answers in part."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiokafka.client import AIOKafkaClient

from shared.errors import AccessDeniedError, BrokerUnavailableError
from shared.kafka.group_offsets import CommittedOffset, read_group_offsets
from tests.contract.harness.scripted_broker import ScriptedBroker, open_scripted_broker

GROUP_AUTHORIZATION_FAILED = 30


@pytest_asyncio.fixture(name="broker")
async def broker_() -> AsyncIterator[ScriptedBroker]:
    """A coordinator: partition 0 is committed at 7, partition 1 never was."""
    async with open_scripted_broker({0: 7, 1: -1}) as opened:
        yield opened


@pytest_asyncio.fixture(name="client")
async def client_(broker: ScriptedBroker) -> AsyncIterator[AIOKafkaClient]:
    """A real client of it."""
    client = AIOKafkaClient(bootstrap_servers=broker.address)
    await client.bootstrap()
    yield client
    await client.close()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (14, "GroupLoadInProgress"),
        (15, "GroupCoordinatorNotAvailable"),
        (16, "NotCoordinatorForGroup"),
        (-1, "Unknown"),
    ],
)
async def test_an_error_of_the_whole_group_is_not_taken_for_never_committed(
    broker: ScriptedBroker, client: AIOKafkaClient, code: int, name: str
) -> None:
    """The next answer has the offsets."""
    broker.group_errors = [code]

    with pytest.raises(BrokerUnavailableError, match=name):
        await read_group_offsets(client, "workers", "t", [0, 1])
    found = await read_group_offsets(client, "workers", "t", [0, 1])

    assert found == {0: CommittedOffset(7, ""), 1: None}


async def test_a_partition_without_an_answer_is_not_taken_for_never_committed(
    broker: ScriptedBroker, client: AIOKafkaClient
) -> None:
    """Every partition needs one."""
    broker.unanswered = {1}

    with pytest.raises(BrokerUnavailableError, match=r"partitions \[1\]"):
        await read_group_offsets(client, "workers", "t", [0, 1])


async def test_a_missing_right_is_an_error_of_its_own(
    broker: ScriptedBroker, client: AIOKafkaClient
) -> None:
    """Asking again does not help."""
    broker.group_errors = [GROUP_AUTHORIZATION_FAILED]

    with pytest.raises(AccessDeniedError, match="'workers'"):
        await read_group_offsets(client, "workers", "t", [0])
