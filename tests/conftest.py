"""Real Kafka, Cassandra and Chromium for the tests that need them, started once per run."""

import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import settings
from playwright.async_api import Browser

from deploy.processes.errors import ServersError
from deploy.servers.backends import Servers, open_servers
from tests.clients.browser import open_browser
from tests.servers.loopback import random_prefix

# The machine is shared: an example takes longer now and then.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest_asyncio.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Servers]:
    """One broker and one Cassandra node, on other loopback addresses than `make run`."""
    directory: Path = tmp_path_factory.mktemp("servers")
    try:
        async with open_servers(directory, prefix=random_prefix(), report=print) as started:
            yield started
    except ServersError as error:
        pytest.fail(f"these tests need real servers: {error}", pytrace=False)


@pytest.fixture(scope="session")
def server_environment(servers: Servers) -> Mapping[str, str]:
    """The environment variables with which a tier or `deploy.prepare` finds the servers."""
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": servers.bootstrap_servers,
        "CASSANDRA_CONTACT_POINTS": servers.contact_points,
    }
    single = {
        "KAFKA_REPLICATION_FACTOR": "1",
        "KAFKA_MIN_INSYNC_REPLICAS": "1",
        "CASSANDRA_REPLICATION": "datacenter1:1",
    }
    # Given servers may be a cluster: then the environment sets the replication.
    return environment | {name: os.environ.get(name, value) for name, value in single.items()}


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for the whole run; each test opens its own context."""
    async with open_browser() as started:
        yield started
