"""The service as an async Python object: report events, look domains up, follow, export."""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp

from client.batches import encode, split, with_ids
from client.errors import UnavailableError
from client.event import Event
from client.event_stream import EventStreamDecoder, StreamedEvent
from client.transport import LOST, BackOff, Transport

INGEST_URL, QUERY_URL = "http://127.0.0.1:8080", "http://127.0.0.1:8081"
PATIENCE_SECONDS = 60.0
MAX_NAMES = 1_000
_LINES_TYPE = "application/x-ndjson"
Answer = dict[str, Any]
"""An answer as the service sends it: domain, status, delivered, bounced, threshold, reason; or
domain and error."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """An event that breaks a rule, and which."""

    event: Event
    code: str
    detail: str


@dataclass(slots=True)
class SendResult:
    """What became of events."""

    accepted: int = 0
    """The events that will be counted, by their counts."""
    rejected: list[Rejected] = field(default_factory=list)
    """Events to correct."""
    failed: list[Event] = field(default_factory=list)
    """Events that were certainly not stored: send them again."""
    in_doubt: list[Event] = field(default_factory=list)
    """Events that may have been stored: each has an id, so within the key window it is safe to send
    them again, with that id."""

    @property
    def good(self) -> bool:
        """Whether every event will be counted."""
        return not (self.rejected or self.failed or self.in_doubt)

    def add(self, other: "SendResult") -> None:
        """Add the outcome of more events."""
        self.accepted += other.accepted
        self.rejected += other.rejected
        self.failed += other.failed
        self.in_doubt += other.in_doubt


class CatchallClient:
    """A client of one ingest and one query address, which may be load balancers.

    Use ``open_client``. Methods raise RefusedError for a request that the service refuses, and
    UnavailableError after *patience_seconds* without a success.
    """

    def __init__(self, ingest: Transport, query: Transport) -> None:
        self._ingest = ingest
        self._query = query

    async def send(self, events: Sequence[Event]) -> SendResult:
        """Report *events*, in as many requests as needed, one after the other.

        Events without an id get one. So lines that could not be stored, and lines whose answer was
        lost, are sent again until the patience ends, and still count once.
        """
        result = SendResult()
        for batch in split(with_ids(events, lambda: uuid4().hex)):
            result.add(await self._send_batch(batch))
        return result

    async def get(self, domain: str) -> Answer:
        """Return the answer for *domain*; for a name that is not a domain it has an ``error``."""
        (answer,) = await self.get_many([domain])
        return answer

    async def get_many(self, domains: Sequence[str]) -> list[Answer]:
        """Return the answers for *domains*, in order."""
        answers: list[Answer] = []
        for start in range(0, len(domains), MAX_NAMES):
            body = {"domains": list(domains[start : start + MAX_NAMES])}
            answers += (await self._query.request("POST", "/domains", json=body))["results"]
        return answers

    async def watch(self, last_id: str = "") -> AsyncGenerator[StreamedEvent, None]:
        """Yield changes of status as they happen, for ever; after *last_id*, if it is given.

        Reconnects and resumes by itself. The data of an event named ``message`` is an Answer in
        JSON; after ``resync`` changes were missed, and its reader looks up again what matters.
        """
        decoder = EventStreamDecoder(last_id)
        back_off = BackOff(self._query.patience_seconds)
        while True:
            headers = {"Last-Event-ID": decoder.last_id} if decoder.last_id else {}
            try:
                async with self._query.stream("/changes", headers, {}) as body:
                    async for data in body.iter_any():
                        back_off.restart()
                        for event in decoder.feed(data):
                            yield event
            except (*LOST, UnavailableError) as error:
                if not await back_off.pause():
                    raise UnavailableError(f"the feed of changes: {error}") from error
            decoder.restart()
            await asyncio.sleep(decoder.retry_seconds)

    async def export(
        self, status: str | None = None, cursor: str | None = None
    ) -> AsyncGenerator[Answer, None]:
        """Yield the answers for all domains, those with *status* or all, after *cursor*, if given.

        A download that ends early goes on by itself after the last domain. The last item has no
        ``domain``; its ``totals`` are those of all domains read, None if a part was interrupted.
        """
        totals: dict[str, int] | None = {}
        back_off = BackOff(self._query.patience_seconds)
        complete = False
        while not complete:
            params = {"status": status, "cursor": cursor, "format": "ndjson"}
            given = {name: value for name, value in params.items() if value is not None}
            try:
                async with self._query.stream("/domains", {}, given) as body:
                    async for item in _items(body):
                        if "domain" in item:
                            cursor = item["domain"]
                            yield item
                        else:
                            complete, cursor = item["complete"], item["cursor"] or cursor
                            if totals is not None:
                                totals = _add(totals, item["totals"])
                        back_off.restart()
            except (*LOST, UnavailableError) as error:
                if not await back_off.pause():
                    raise UnavailableError(f"the export: {error}") from error
                totals = totals if isinstance(error, UnavailableError) else None
        yield {"complete": True, "totals": totals}

    async def summary(self) -> dict[str, Any]:
        """Return the totals per status, and their age."""
        found: dict[str, Any] = await self._query.request("GET", "/summary")
        return found

    async def _send_batch(self, batch: list[Event]) -> SendResult:
        """Send *batch* until every line has an outcome, or the patience ends."""
        result = SendResult()
        back_off = BackOff(self._ingest.patience_seconds)
        doubtful: set[str | None] = set()
        while True:
            answer = await self._ingest.attempt(
                "POST",
                "/events",
                data=b"".join(map(encode, batch)),
                headers={"Content-Type": _LINES_TYPE},
            )
            if answer is None or answer.code == "outcome_unknown":
                doubtful |= {event.id for event in batch}
            if answer is not None and isinstance(answer.body, dict) and "rejected" in answer.body:
                result.rejected += [
                    Rejected(batch[each["line"] - 1], each["code"], each["detail"])
                    for each in answer.body["rejected"]
                ]
                rejected = {each["line"] for each in answer.body["rejected"]}
                failed = set(answer.body.get("failed", ()))
                result.accepted += sum(
                    event.count
                    for line, event in enumerate(batch, 1)
                    if line not in rejected and line not in failed
                )
                batch = [event for line, event in enumerate(batch, 1) if line in failed]
            elif answer is not None and not answer.may_succeed_later:
                raise answer.error()
            if not batch:
                return result
            if not await back_off.pause(answer.retry_after_seconds if answer else None):
                result.failed = [event for event in batch if event.id not in doubtful]
                result.in_doubt = [event for event in batch if event.id in doubtful]
                return result


async def _items(body: aiohttp.StreamReader) -> AsyncIterator[Answer]:
    """Yield the lines of an export. Raises ClientPayloadError if it has no last line."""
    pending, item = b"", Answer()
    async for data in body.iter_any():
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            item = json.loads(line)
            yield item
    if "complete" not in item:
        raise aiohttp.ClientPayloadError("the export has no end")


def _add(totals: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    return {key: totals.get(key, 0) + number for key, number in more.items()}


@asynccontextmanager
async def open_client(
    ingest_url: str = INGEST_URL,
    query_url: str = QUERY_URL,
    *,
    api_key: str | None = None,
    ca_file: str | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> AsyncIterator[CatchallClient]:
    """Open a client; *api_key* is ``<id>.<secret>``, *ca_file* has the certificates to trust."""
    headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
    trust = True if ca_file is None else ssl.create_default_context(cafile=ca_file)
    async with aiohttp.ClientSession(
        headers=headers,
        connector=aiohttp.TCPConnector(ssl=trust),
        timeout=aiohttp.ClientTimeout(total=60, sock_connect=10),
    ) as http:
        yield CatchallClient(
            Transport(http, ingest_url, patience_seconds),
            Transport(http, query_url, patience_seconds),
        )
