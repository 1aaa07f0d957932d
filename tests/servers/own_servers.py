"""Servers for a single test, which may freeze and kill them without harm to other tests."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.processes.errors import ServersError
from deploy.servers.backends import Servers, open_servers
from tests.servers.loopback import random_prefix


@asynccontextmanager
async def open_own_servers(directory: Path, **options: Any) -> AsyncIterator[Servers]:
    """Start servers with ``open_servers`` and *options*, also if the environment names others.

    A test must not damage servers that it did not start. Fails the test if none can be started.
    """
    with without_given_servers():
        async with open_servers(
            directory, **{"prefix": random_prefix(), "report": print, **options}
        ) as started:
            yield started


@contextmanager
def without_given_servers() -> Iterator[None]:
    """Ignore the servers in the environment; fail the test if no others can be started."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
        patch.delenv("CASSANDRA_CONTACT_POINTS", raising=False)
        try:
            yield
        except ServersError as error:
            pytest.fail(f"these tests need servers of their own: {error}", pytrace=False)
