"""The wait for a certificate of SNS is bounded, however many webhooks need one."""

import asyncio
from typing import Never

import aiohttp

from ingest.webhooks.sns import SnsClient
from shared.errors import CertificateUnavailableError
from tests.fakes.clock import Clock


class Unreachable(SnsClient):
    """A client whose every request fails after five seconds of *clock*."""

    def __init__(self, http: aiohttp.ClientSession, clock: Clock) -> None:
        super().__init__(http, clock)
        self.requests = 0
        self._time = clock

    async def request(self, url: str) -> Never:  # noqa: ARG002 the interface's
        """Count the request, and fail."""
        self.requests += 1
        await asyncio.sleep(0)
        self._time.now += 5.0
        raise CertificateUnavailableError


async def test_those_that_wait_behind_a_failed_request_fail_with_it() -> None:
    """One request after the other would make the last of them wait for minutes."""
    async with aiohttp.ClientSession() as http:
        sns = Unreachable(http, Clock())
        urls = [f"https://sns.us-east-1.amazonaws.com/{number}.pem" for number in range(20)]
        reads = (sns.read_certificate(url) for url in urls)
        outcomes = await asyncio.gather(*reads, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {CertificateUnavailableError}
    assert sns.requests == 1
