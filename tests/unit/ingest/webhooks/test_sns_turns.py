"""The reads of certificates are bounded, and a forger does not keep all of them from SNS."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import aiohttp
import pytest

from ingest.webhooks.sns import MAX_READS, SnsClient
from shared.errors import CertificateUnavailableError, SubscriptionUnconfirmedError

GENUINE = "genuine"


@dataclass(slots=True)
class Host:
    """The host of SNS, which has one certificate; also its own answer, content and timer.

    It answers when ``may_answer`` is set.
    """

    status: int = 200
    requests: list[str] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    timers: list[Callable[[], None]] = field(default_factory=list)

    @asynccontextmanager
    async def get(self, url: str, *, allow_redirects: bool) -> AsyncIterator["Host"]:
        """See aiohttp.ClientSession."""
        assert not allow_redirects
        self.requests.append(url)
        await self.may_answer.wait()
        yield Host(200 if url == GENUINE else 404)

    @property
    def content(self) -> "Host":
        """See aiohttp.ClientResponse."""
        return self

    async def iter_any(self) -> AsyncIterator[bytes]:
        """See aiohttp.StreamReader."""
        yield b"certificate"

    def call_later(self, _: float, callback: Callable[[], None]) -> None:
        """See asyncio.AbstractEventLoop."""
        self.timers.append(callback)

    def client(self) -> SnsClient:
        """Return a client of this host."""
        return SnsClient(cast(aiohttp.ClientSession, self), self.call_later)


async def read(sns: SnsClient, *urls: str) -> list["asyncio.Task[bytes]"]:
    """Return reads of *urls* that have run until they wait."""
    reads = [asyncio.create_task(sns.read_certificate(url)) for url in urls]
    for _ in range(3):
        await asyncio.sleep(0)
    return reads


async def test_requests_for_one_certificate_share_a_read() -> None:
    """Also those that come a moment later; one that is cancelled does not end it."""
    host = Host()
    sns = host.client()
    first, *others = await read(sns, *[GENUINE] * 3)
    first.cancel()
    host.may_answer.set()
    assert await asyncio.gather(*others) == [b"certificate"] * 2
    assert await sns.read_certificate(GENUINE) == b"certificate"
    assert host.requests == [GENUINE]


async def test_a_slow_read_leaves_places_for_others() -> None:
    """A forger who names some certificates does not delay that of SNS."""
    host = Host()
    sns = host.client()
    forged = await read(sns, *[f"forged {number}" for number in range(MAX_READS - 1)])
    (genuine,) = await read(sns, GENUINE)
    host.may_answer.set()
    assert await genuine == b"certificate"
    outcomes = await asyncio.gather(*forged, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {CertificateUnavailableError}


async def test_reads_are_bounded_in_number_and_rate() -> None:
    """A read keeps its place for a second; without one a request fails at once."""
    host = Host()
    host.may_answer.set()
    sns = host.client()
    reads = await read(sns, *[f"forged {number}" for number in range(2 * MAX_READS)])
    await asyncio.gather(*reads, return_exceptions=True)
    assert len(host.requests) == MAX_READS
    with pytest.raises(CertificateUnavailableError):
        await sns.read_certificate(GENUINE)
    host.timers.pop()()
    assert await sns.read_certificate(GENUINE) == b"certificate"


async def test_closing_ends_the_reads() -> None:
    """Although SNS never answers."""
    sns = Host().client()
    (reading,) = await read(sns, GENUINE)
    await sns.close()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_a_subscription_that_is_not_confirmed_is_another_error() -> None:
    """No certificate is missing."""
    host = Host()
    host.may_answer.set()
    with pytest.raises(SubscriptionUnconfirmedError, match="does not confirm"):
        await host.client().confirm("forged")
