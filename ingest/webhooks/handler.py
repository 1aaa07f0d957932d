"""Handle the webhooks of mail providers: 200 once Kafka has every event that they prove."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus

import structlog
from aiohttp import web

from ingest.adapters.used_tokens import UsedTokens
from ingest.adapters.webhook import (
    Adapter,
    CertificateNeededError,
    Item,
    Reading,
    Webhook,
    read_events,
)
from ingest.admission import Admission, Reservation
from ingest.bulk import MAX_BYTES
from ingest.config import IngestSettings
from ingest.event_sums import EventSums
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher
from ingest.publishing import least_promising, publish_all
from ingest.webhooks.config import WebhookSettings
from ingest.webhooks.sns import open_sns
from shared.errors import NodeFullError
from shared.http.application import OPEN, Route
from shared.http.bodies import inflate, read_body
from shared.http.load_shedding import BYTES_PER_UNIT, LoadShedder
from shared.http.problems import REFUSALS, HttpProblem, build_problem, respond_to
from shared.http.rate_limiter import RateLimiter
from shared.problems import Problem

log = structlog.stdlib.get_logger(__name__)

PATH = "/webhooks/{provider}"
_ITEMS_AT_ONCE = 500
_UNPROVEN_PART = 4


class WebhookHandler:
    """The handler of ``POST /webhooks/{provider}``.

    *unproven* bounds the bodies of senders that have proven nothing yet, so that they leave room
    for others. *read_certificate* and *confirm* request an address of Amazon SNS.

    The rate of refusals is limited, whatever the reason: anybody can send a request that is
    malformed, forged, or needs another certificate, and each is read and parsed first.
    """

    def __init__(
        self,
        adapters: Mapping[str, Adapter],
        publisher: Publisher,
        admission: Admission,
        metrics: IngestMetrics,
        *,
        unproven: Admission,
        tokens: UsedTokens,
        read_certificate: Callable[[str], Awaitable[bytes]],
        confirm: Callable[[str], Awaitable[None]],
        body_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._adapters = adapters
        self._publisher = publisher
        self._admission = admission
        self._metrics = metrics
        self._unproven = unproven
        self._tokens = tokens
        self._read_certificate = read_certificate
        self._confirm = confirm
        self._body_seconds = body_seconds
        self._clock = clock
        self._limiter = RateLimiter(asyncio.get_running_loop().call_later)
        self._load_shedder = LoadShedder(self._limiter)

    def route(self) -> Route:
        """Return the route: a webhook carries its own proof, so it needs no API key."""
        return Route("POST", PATH, self.post, OPEN)

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Store what the request of *provider* proves.

        1. Read the body, and prove its origin.
        2. Judge each report in it.
        3. Publish the events, and answer 200 if Kafka has all of them. After any other answer the
           provider repeats the request; the events keep their idempotency keys.
        """
        provider = request.match_info["provider"]
        adapter = self._adapters.get(provider)
        if adapter is None:
            raise HttpProblem(Problem.UNKNOWN_PATH)
        unproven, refusal = Reservation(self._unproven), None
        try:
            return await self._receive(request, provider, adapter, unproven)
        except NodeFullError as error:
            reason = str(error)
        except REFUSALS as error:
            refusal = respond_to(error)
        # The body is freed by now: a refusal may have to wait for its turn.
        if refusal is None:
            return await self._load_shedder.refuse(reason, unproven.size_bytes)
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            refusal.headers["WWW-Authenticate"] = adapter.challenge
        await self._limiter.acquire(1 + unproven.size_bytes // BYTES_PER_UNIT)
        return refusal

    async def _receive(
        self, request: web.Request, provider: str, adapter: Adapter, unproven: Reservation
    ) -> web.StreamResponse:
        with Reservation(self._admission) as reservation:
            reading = await self._read(request, adapter, unproven)
            reservation.extend(events=len(reading.items), size_bytes=unproven.size_bytes)
            return await self._store(provider, reading)

    async def _read(self, request: web.Request, adapter: Adapter, unproven: Reservation) -> Reading:
        """Return what the proven request contains; room for its body is in *unproven* until then.

        Then ``unproven.size_bytes`` is the size of the body.
        """
        with unproven:
            sent = await read_body(
                request,
                MAX_BYTES,
                self._body_seconds,
                lambda size: unproven.extend(size_bytes=size),
            )
            body = inflate(request, sent, MAX_BYTES)
            unproven.extend(size_bytes=max(0, len(body) - len(sent)))
            webhook = Webhook(body, request.headers, self._clock())
            try:
                reading = adapter.read(webhook)
            except CertificateNeededError as needed:
                reading = needed.read_with(await self._read_certificate(needed.url))
            if reading.token is not None:
                self._tokens.use(reading.token, body, webhook.now)
            return reading

    async def _store(self, provider: str, reading: Reading) -> web.StreamResponse:
        if reading.confirm_url is not None:
            await self._confirm(reading.confirm_url)
            log.info("confirmed a subscription", provider=provider)
        parts = await self._sum(provider, reading.items)
        reasons = await publish_all(self._publisher, parts)
        failed = sum(len(parts[partition].keyed) for partition in reasons)
        self._metrics.failed += failed
        self._metrics.acknowledged += sum(len(sums.keyed) for sums in parts.values()) - failed
        if reasons:
            reason = least_promising(reasons.values())
            return build_problem(reason.problem, str(reason))
        return web.Response(status=200)

    async def _sum(self, provider: str, items: list[Item]) -> dict[int, EventSums]:
        """Return the events of *items* by partition."""
        parts: dict[int, EventSums] = defaultdict(EventSums)
        for start in range(0, len(items), _ITEMS_AT_ONCE):
            for verdict, event in read_events(provider, items[start : start + _ITEMS_AT_ONCE]):
                self._metrics.count_report(provider, verdict)
                if event is not None:
                    parts[self._publisher.place(event.domain)].count(event)
            await asyncio.sleep(0)
        return parts


@asynccontextmanager
async def open_webhooks(
    config: WebhookSettings,
    settings: IngestSettings,
    publisher: Publisher,
    admission: Admission,
    metrics: IngestMetrics,
) -> AsyncIterator[WebhookHandler]:
    """Yield the handler of the providers that *config* switches on."""
    async with open_sns() as sns:
        yield WebhookHandler(
            config.adapters,
            publisher,
            admission,
            metrics,
            # A part of the node's room, so that forgers leave room for others.
            unproven=Admission(
                settings.max_in_flight_events, settings.max_in_flight_bytes // _UNPROVEN_PART
            ),
            tokens=UsedTokens(config.fresh_seconds),
            read_certificate=sns.read_certificate,
            confirm=sns.confirm,
            body_seconds=settings.body_seconds,
        )
