"""Nodes that the tests of this folder end and replace."""

from collections.abc import AsyncIterator, Mapping

import pytest
import pytest_asyncio

from tests.tiers.fleet import Fleet
from tests.tiers.stack import Stack


@pytest_asyncio.fixture(scope="package")
async def fleet(
    server_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Fleet]:
    """Two ingest nodes, three workers and two query nodes; a test that ends one replaces it."""
    async with Stack("fleet", tmp_path_factory.mktemp("fleet"), server_environment) as stack:
        yield Fleet(stack, *await stack.all(ingest=2, workers=3, query=2))
