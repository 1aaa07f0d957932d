"""Servers of a test's own: to be frozen and killed without harm to the tests beside it."""

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
    """Start servers as ``open_servers`` does with *options*, whatever the environment names.

    Servers from outside are not ours to hurt. Fails the test where none can be had.
    """
    with without_given_servers():
        async with open_servers(
            directory, **{"prefix": random_prefix(), "report": print, **options}
        ) as started:
            yield started


@contextmanager
def without_given_servers() -> Iterator[None]:
    """Forget the servers that the environment names; fail the test where none can be had."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
        patch.delenv("CASSANDRA_CONTACT_POINTS", raising=False)
        try:
            yield
        except ServersError as error:
            pytest.fail(f"these tests need servers of their own: {error}", pytrace=False)
