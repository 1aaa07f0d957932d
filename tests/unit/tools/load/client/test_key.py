"""The API key of a run."""

import pytest

from tests.tools.load.client.key import VARIABLE, authorization
from tests.tools.load.client.node import node_at
from tests.tools.load.client.session import open_session


async def test_a_key_of_the_environment_is_sent_with_every_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By PUT, in bulk and in queries; without a key there is no header."""
    monkeypatch.delenv(VARIABLE, raising=False)
    bare = node_at("http://127.0.0.1:8080")
    assert authorization() == {}
    assert b"Authorization" not in bare.put(b"a.example/bounced") + bare.post(b"")

    monkeypatch.setenv(VARIABLE, "load.secret")
    node = node_at("http://127.0.0.1:8080")
    for request in (node.put(b"a.example/bounced"), node.post(b"{}\n")):
        assert b"\r\nAuthorization: Bearer load.secret\r\n" in request
    async with open_session(1.0) as session:
        assert session.headers["Authorization"] == "Bearer load.secret"
