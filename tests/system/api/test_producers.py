"""Producers that are not ours write events in JSON straight to Kafka."""

import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.clients.client import Client
from tests.tiers.stack import Stack

PAGE = Path(__file__).parents[3] / "deploy" / "PRODUCERS.md"
Report = Callable[[str, str, str, dict[str, object]], Awaitable[None]]


@pytest.fixture
def report() -> Report:
    """The function of the page's example in Python."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {"__name__": "example"}
    exec(found[1], names)  # noqa: S102 the example is to be run
    function: Report = names["report"]
    return function


async def test_the_example_of_the_page_is_counted(
    client: Client, stack: Stack, server_environment: Mapping[str, str], report: Report
) -> None:
    """With its count; a key counts once; a record that breaks the schema stops nothing."""
    servers, topic = server_environment["KAFKA_BOOTSTRAP_SERVERS"], f"{stack.name}-events"
    domain = "producer.example.com"
    sent: list[dict[str, object]] = [
        {"event": "delivered", "count": 3},
        {"event": "opened"},
        {"event": "bounced", "id": "message-20391"},
        {"event": "bounced", "id": "message-20391"},
        {"event": "delivered"},
    ]
    for value in sent:
        await report(servers, topic, domain, value)

    answer = await client.wait_for_counts(domain, 4, 1)
    assert answer["status"] == "not catch-all"
