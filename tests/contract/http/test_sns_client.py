"""What the client of Amazon SNS reads, and what it takes for unavailable."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from ingest.webhooks.sns import SnsClient
from shared.errors import CertificateUnavailableError, SubscriptionUnconfirmedError


async def _answer(request: web.Request) -> web.StreamResponse:
    match request.path:
        case "/good":
            return web.Response(body=b"x" * 65_536)
        case "/large":
            return web.Response(body=b"x" * 65_537)
        case "/elsewhere":
            raise web.HTTPFound("/good")
        case "/slow":
            await asyncio.sleep(5)
        case _:
            pass
    return web.Response(status=404)


@pytest_asyncio.fixture
async def base() -> AsyncIterator[str]:
    """The address of a server."""
    app = web.Application()
    app.router.add_get("/{path}", _answer)
    async with TestServer(app) as server:
        yield f"http://{server.host}:{server.port}"


@pytest_asyncio.fixture
async def sns() -> AsyncIterator[SnsClient]:
    """A client that waits for half a second."""
    timeout = aiohttp.ClientTimeout(total=0.5)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        sns = SnsClient(http, asyncio.get_running_loop().call_later)
        yield sns
        await sns.close()


async def test_a_body_is_read(sns: SnsClient, base: str) -> None:
    """Up to 64 KiB."""
    assert await sns.read_certificate(f"{base}/good") == b"x" * 65_536


@pytest.mark.parametrize("path", ["large", "elsewhere", "missing", "slow"])
async def test_another_answer_is_none(sns: SnsClient, base: str, path: str) -> None:
    """A redirect might lead to another host; the rest costs memory or time."""
    with pytest.raises(CertificateUnavailableError):
        await sns.read_certificate(f"{base}/{path}")


async def test_a_host_that_does_not_answer_is_unavailable(sns: SnsClient) -> None:
    """As any failure of the network."""
    with pytest.raises(CertificateUnavailableError):
        await sns.read_certificate("http://127.0.0.1:1/")


async def test_a_subscription_is_confirmed(sns: SnsClient, base: str) -> None:
    """By an answer of 200."""
    await sns.confirm(f"{base}/good")
    with pytest.raises(SubscriptionUnconfirmedError):
        await sns.confirm(f"{base}/missing")
