"""The node of these tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.clients.webhooks import providers
from tests.unit.ingest.webhooks.webhook_node import Node


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    """Run a node with all providers during the test."""
    for name, value in providers.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    node = Node()
    running = asyncio.create_task(node.publisher.run())
    yield node
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
