"""aiohttp's client, on a server that ends connections without an answer."""

import asyncio

import aiohttp
import pytest
from aiohttp import ClientMiddlewareType

from tests.clients.sent_once import sent_once
from tests.servers.loopback import random_prefix


@pytest.mark.parametrize(
    ("middlewares", "sent"),
    [pytest.param((), 2, id="aiohttp alone"), pytest.param((sent_once,), 1, id="ours")],
)
async def test_a_put_without_an_answer_is_sent_once(
    middlewares: tuple[ClientMiddlewareType, ...], sent: int
) -> None:
    """Aiohttp alone sends it twice, on a new connection too: the documents warn of that."""
    heads: list[bytes] = []

    async def end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    server = await asyncio.start_server(end, f"{random_prefix()}.1", 0)
    async with server, aiohttp.ClientSession(middlewares=middlewares) as http:
        host, port = server.sockets[0].getsockname()
        with pytest.raises(aiohttp.ClientConnectionError):
            await http.put(f"http://{host}:{port}/events/example.com/bounced")
    assert len(heads) == sent
