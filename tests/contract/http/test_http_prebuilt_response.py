"""What our prebuilt answers lean on in aiohttp: it fails when aiohttp changes."""

import asyncio
from dataclasses import replace

import pytest

from tests.contract.harness.wires import connect, open_wires


async def test_a_prebuilt_response_is_the_one_that_aiohttp_would_have_sent() -> None:
    """Status line, headers and body are the same, and the connection goes on."""
    async with open_wires() as wires:
        wire = await connect(wires)
        name = "X-Request-Id: a-1\r\n"
        built, prebuilt = [await wire.get(f"/{each}", extra=name) for each in ("plain", "prebuilt")]
        again, empty = await wire.get("/prebuilt"), await wire.get("/accepted")
        assert prebuilt.headers["date"].endswith(" GMT")
        undated = {"date": ""}
        assert replace(built, headers={**built.headers, **undated}) == replace(
            prebuilt, headers={**prebuilt.headers, **undated}
        )
        assert again.body == prebuilt.body
        assert (empty.version, empty.status, empty.reason) == ("HTTP/1.1", 202, "Accepted")
        assert empty.headers.keys() == {"content-length", "date", "server"}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_prebuilt_document_is_the_one_that_aiohttp_would_have_sent(method: str) -> None:
    """Its validator, type and length too; HEAD gets all of that, and no body."""
    async with open_wires() as wires:
        wire = await connect(wires)
        heads, bodies = [], []
        for target in ("/document", "/prebuilt-document", "/prebuilt-document"):
            await wire.send(f"{method} {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
            answer = await wire.answer(has_body=method == "GET")
            heads.append({**answer.headers, "date": ""})
            bodies.append(answer.body)
        assert heads[0] == heads[1] == heads[2]
        assert heads[0]["content-length"] == "240"
        assert heads[0]["etag"] == '"1a"'
        assert set(bodies) == {b'{"a": 1}' * 30 if method == "GET" else b""}
        # Nothing is left over that the next answer would be mistaken for.
        assert (await wire.get("/accepted")).status == 202


async def test_the_date_of_a_prebuilt_response_is_current(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the time of each answer (RFC 9110, 6.6.1)."""
    async with open_wires() as wires:
        wire = await connect(wires)
        first = await wire.get("/accepted")
        monkeypatch.setattr("shared.http.prebuilt_response.rfc822_formatted_time", lambda: "later")
        assert (await wire.get("/accepted")).headers["date"] == "later" != first.headers["date"]


@pytest.mark.parametrize(
    ("version", "extra", "connection"),
    [("1.1", "Connection: close\r\n", "close"), ("1.0", "", None)],
)
async def test_a_connection_closes_after_its_last_answer(
    version: str, extra: str, connection: str | None
) -> None:
    """A client that will not go on, or speaks HTTP/1.0, is answered in aiohttp's own way."""
    async with open_wires() as wires:
        wire = await connect(wires)
        answer = await wire.get("/accepted", version=version, extra=extra)
        assert (answer.status, answer.reason) == (202, "Accepted")
        assert answer.headers.get("connection") == connection
        assert await wire.rest() == b""


async def test_pipelined_requests_are_answered_in_order() -> None:
    """However the responses are made."""
    async with open_wires() as wires:
        wire = await connect(wires)
        request = (
            "GET /prebuilt HTTP/1.1\r\nHost: h\r\n\r\nPUT /accepted HTTP/1.1\r\nHost: h\r\n\r\n"
        )
        await wire.send((request * 50).encode())
        for _ in range(50):
            assert (await wire.answer()).status == 503
            assert (await wire.answer()).status == 202


async def test_answers_to_a_client_that_does_not_read_use_no_memory() -> None:
    """Beyond what the kernel takes, answers wait for their reader, and come whole in the end."""
    async with open_wires() as wires:
        wire = await connect(wires)
        request = b"GET /prebuilt HTTP/1.1\r\nHost: h\r\n\r\n"
        sent = 0
        try:
            while True:
                async with asyncio.timeout(1):
                    await wire.send(request * 1000)
                sent += 1000
                assert sent < 1_000_000, "the server reads and answers without end"
        except TimeoutError:
            sent += 1000  # held back: that is what we wanted to see
        for _ in range(sent):
            assert (await wire.answer()).status == 503
