"""The requests of senders and customers, over HTTP."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import aiohttp
from yarl import URL

from tests.waiting import until


@dataclass(frozen=True, slots=True)
class Reply:
    """A status, headers, and the body, decoded if it is JSON."""

    status: int
    headers: Mapping[str, str]
    body: Any
    text: str


@dataclass(slots=True)
class Client:
    """One sender and customer of one ingest node and one query node."""

    http: aiohttp.ClientSession
    ingest: str
    query: str
    headers: dict[str, str] = field(default_factory=dict)

    async def request(self, method: str, url: str | URL, **options: Any) -> Reply:
        """Send one request."""
        async with self.http.request(method, url, **options) as answer:
            text = await answer.text()
            kind = answer.headers.get("Content-Type", "")
            body = json.loads(text) if text and "json" in kind else None
            return Reply(answer.status, answer.headers, body, text)

    async def put(self, domain: str, kind: str, **options: Any) -> Reply:
        """Report one event."""
        return await self.request("PUT", f"{self.ingest}/events/{domain}/{kind}", **options)

    async def report(self, domain: str, kind: str, count: int = 1) -> None:
        """Report *count* events in one line, which must be accepted."""
        reply = await self.bulk([{"domain": domain, "event": kind, "count": count}])
        assert (reply.status, reply.body) == (202, {"accepted": 1, "rejected": []})

    async def bulk(self, lines: Sequence[Mapping[str, object]], **options: Any) -> Reply:
        """Report many events."""
        body = "".join(json.dumps(line) + "\n" for line in lines).encode()
        return await self.post_lines(body, **options)

    async def post_lines(self, body: bytes | BinaryIO, **headers: str) -> Reply:
        """Send *body* as lines of JSON."""
        return await self.request(
            "POST",
            f"{self.ingest}/events",
            data=body,
            headers={"Content-Type": "application/x-ndjson", **headers},
        )

    async def get(self, domain: str) -> Reply:
        """Read one domain."""
        return await self.request("GET", f"{self.query}/domains/{domain}")

    async def ask(self, domains: Sequence[str]) -> Reply:
        """Read many domains."""
        return await self.request("POST", f"{self.query}/domains", json={"domains": list(domains)})

    async def counts(self, domain: str) -> tuple[int, int]:
        """Return the delivered and bounced counts of *domain*."""
        body = (await self.get(domain)).body
        return body["delivered"], body["bounced"]

    async def wait_for_counts(self, domain: str, delivered: int, bounced: int) -> Any:
        """Return the answer once it has exactly these counts; fail at once if a count is larger."""

        async def counted() -> Any:
            body = (await self.get(domain)).body
            assert body["delivered"] <= delivered, body
            assert body["bounced"] <= bounced, body
            return body if (body["delivered"], body["bounced"]) == (delivered, bounced) else None

        return await until(counted)
