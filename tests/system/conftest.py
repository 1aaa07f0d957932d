"""A running system that the tests share, and a process that sends load."""

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
import pytest_asyncio

from tests.clients.client import Client
from tests.clients.raw_load import Press, open_press
from tests.tiers.stack import Stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the tests of overload last: by then the tests in the background have ended."""
    items.sort(key=lambda item: "overload" in item.path.parts)


@pytest_asyncio.fixture(scope="session")
async def stack(
    server_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stack]:
    """One node of each tier, shared by all tests that end none of them.

    It is started once: tests that need other nodes start them as guests, on the same topic and
    keyspace, and use domains of their own.
    """
    async with Stack("steady", tmp_path_factory.mktemp("steady"), server_environment) as started:
        await started.all()
        yield started


@pytest_asyncio.fixture
async def guests(stack: Stack) -> AsyncIterator[Stack]:
    """The shared stack, for a test that starts further nodes; they end with the test."""
    async with stack.guests() as opened:
        yield opened


@pytest.fixture
def client(stack: Stack) -> Client:
    """A client of the shared stack."""
    ingest, query = stack.started[0], stack.started[2]
    return Client(stack.http, ingest.url, query.url)


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    """A process that sends load."""
    with open_press() as opened:
        yield opened
