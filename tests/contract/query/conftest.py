"""The topic of changes, and a query node that serves the feed."""

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from tests.contract.harness.change_feed import Changes, open_changes, start_node
from tests.tiers.stack import TierProcess


@pytest_asyncio.fixture(scope="package")
async def changes(
    server_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Changes]:
    """The topic and the store of the feed, shared by all tests."""
    async with open_changes(tmp_path_factory.mktemp("changes"), server_environment) as opened:
        yield opened


@pytest_asyncio.fixture(scope="package")
async def feed_node(changes: Changes) -> AsyncIterator[TierProcess]:
    """A node with the default settings whose feed is ready; no test ends it."""
    started = await start_node(changes)
    yield started
    await started.stop()
