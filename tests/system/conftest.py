"""A running system that the tests share, and a process that sends load."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping

import aiohttp
import pytest
import pytest_asyncio

from tests.clients.client import Client
from tests.clients.raw_load import Press, open_press
from tests.clients.sent_once import sent_once
from tests.tiers.stack import Stack

_GIVEN = ("INGEST_URL", "QUERY_URL", "API_KEY")


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
def client(request: pytest.FixtureRequest) -> Client:
    """A client of the shared stack, or of the nodes that the environment names."""
    if "SYSTEM_INGEST_URL" in os.environ:
        given: Client = request.getfixturevalue("given_client")
        return given
    stack: Stack = request.getfixturevalue("stack")
    ingest, query = stack.started[0], stack.started[2]
    return Client(stack.http, ingest.url, query.url)


@pytest_asyncio.fixture(scope="session")
async def given_client() -> AsyncIterator[Client]:
    """A client, with a key, of nodes that run already."""
    ingest, query, key = (os.environ[f"SYSTEM_{name}"] for name in _GIVEN)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(headers=headers, middlewares=(sent_once,)) as http:
        yield Client(http, ingest, query)


@pytest.fixture(scope="module")
def press() -> Iterator[Press]:
    """A process that sends load."""
    with open_press() as opened:
        yield opened
