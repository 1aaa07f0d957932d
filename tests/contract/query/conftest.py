"""The topic of changes, a query node that serves the feed, and a page for tests of its scripts."""

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from shared.model.counter import Counters
from tests.clients.browser import Visit, visit
from tests.contract.harness.change_feed import Changes, open_changes, start_node
from tests.contract.harness.page_node import PageNode, open_connected, open_page_node
from tests.contract.harness.pulses import IDLE
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


@pytest_asyncio.fixture
async def node() -> AsyncIterator[PageNode]:
    """A node with one domain and an idle pipeline."""
    async with open_page_node({"some.example": Counters(204, 0)}) as opened:
        opened.pulse = IDLE
        yield opened


@pytest_asyncio.fixture
async def seen(browser: Browser, node: PageNode) -> AsyncIterator[Visit]:
    """The page, connected to the feed of changes. It must never load from another origin."""
    async with visit(browser, node.origin) as opened:
        await open_connected(opened, node)
        yield opened
        assert opened.foreign_requests == []
