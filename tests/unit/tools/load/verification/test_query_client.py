"""Parsing the answers of the query tier."""

import json
from collections.abc import Sequence

import pytest

from tests.tools.load.client.session import open_session
from tests.tools.load.verification.query_client import QueryClient, QueryError
from tests.tools.load.verification.rule import Answer

KNOWN = {"domain": "a.com", "status": "unknown", "delivered": 3, "bounced": 0, "threshold": 5}
FAILED = {"domain": "b.com", "error": {"code": "store_unavailable", "detail": ""}}


class CannedClient(QueryClient):
    """A query tier that always answers with the same body."""

    body = b""

    async def _post(self, node: str, _names: Sequence[str]) -> bytes:
        self.node = node
        return self.body


async def get(body: bytes) -> list[Answer | str]:
    """Request two names from a server that answers with *body*."""
    async with open_session(1.0) as session:
        client = CannedClient(session, ["http://a"])
        client.body = body
        return await client.get(["a.com", "b.com"])


async def test_each_name_has_its_answer_or_the_code_of_its_error() -> None:
    """An error of one domain leaves the others their answers."""
    answers = await get(json.dumps({"results": [KNOWN, FAILED]}).encode())
    assert answers == [Answer("a.com", "unknown", 3, 0, 5), "store_unavailable"]


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"{}", b'{"results": 1}', json.dumps({"results": [KNOWN]}).encode()]
)
async def test_an_unusable_answer_is_an_error(body: bytes) -> None:
    """It proves nothing about any of the names."""
    with pytest.raises(QueryError, match="http://a: "):
        await get(body)


async def test_nodes_take_turns() -> None:
    """Every query node must show the right counts."""
    async with open_session(1.0) as session:
        client = CannedClient(session, ["a", "b"])
        client.body = b'{"results": []}'
        asked = []
        for _ in range(4):
            await client.get([])
            asked.append(client.node)
    assert asked == ["a", "b", "a", "b"]
