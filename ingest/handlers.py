"""Handle the requests of senders: one event by PUT, many by POST; 202 once Kafka has them."""

import asyncio

import msgspec
from aiohttp import web

from ingest.admission import Admission, Reservation
from ingest.bulk import MAX_BYTES, BulkRequest, open_body
from ingest.event_sums import MAX_KEY_BYTES, MAX_RECORD_BYTES
from ingest.messages import BulkAnswer, PartialAnswer
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher
from ingest.publishing import least_promising, publish_all
from shared.auth.guard import charge
from shared.errors import NodeFullError, RetriableError
from shared.http.application import Route
from shared.http.bodies import inflate, read_body
from shared.http.load_shedding import LoadShedder
from shared.http.problems import HttpProblem, build_problem, respond_to
from shared.http.rate_limiter import RateLimiter
from shared.model.domain import MAX_NAME_OCTETS, parse_domain
from shared.model.event import Event, EventKind, parse_idempotency_key
from shared.model.scope import Scope
from shared.problems import Problem

MAX_IGNORED_BODY_BYTES = 4096
MEDIA_TYPE = "application/x-ndjson"
ARRAY_TYPE = "application/json"
MEDIA_TYPES = (
    MEDIA_TYPE,
    "application/ndjson",
    "application/jsonl",
    "application/x-jsonlines",
    "text/x-ndjson",
    ARRAY_TYPE,
)
"""Of bulk requests. No type of lines is registered, so several names are in use."""
ACCEPTED_TYPES = ", ".join(MEDIA_TYPES)
MAX_PUT_BYTES = MAX_NAME_OCTETS + MAX_RECORD_BYTES + MAX_KEY_BYTES


class Handlers:
    """The handlers of the ingest tier's three routes."""

    def __init__(
        self,
        publisher: Publisher,
        admission: Admission,
        metrics: IngestMetrics,
        body_seconds: float,
    ) -> None:
        self._publisher = publisher
        self._admission = admission
        self._metrics = metrics
        self._body_seconds = body_seconds
        limiter = RateLimiter(asyncio.get_running_loop().call_later)
        self._load_shedder = LoadShedder(limiter)
        # One body at a time, in order of arrival: taking turns would delay all of them.
        self._parsing = asyncio.Lock()

    def routes(self) -> list[Route]:
        """Return the routes of the traffic port."""
        put_delivered, put_bounced = (
            Route("PUT", f"/events/{{domain}}/{kind}", put, Scope.INGEST, events=1, parameters=())
            for kind, put in (
                (EventKind.DELIVERED, self.put_delivered),
                (EventKind.BOUNCED, self.put_bounced),
            )
        )
        post_events = Route("POST", "/events", self.post_events, Scope.INGEST, parameters=())
        return [put_delivered, put_bounced, post_events]

    async def put_delivered(self, request: web.Request) -> web.StreamResponse:
        """``PUT /events/{domain}/delivered``."""
        return await self._put(request, EventKind.DELIVERED)

    async def put_bounced(self, request: web.Request) -> web.StreamResponse:
        """``PUT /events/{domain}/bounced``."""
        return await self._put(request, EventKind.BOUNCED)

    async def _put(self, request: web.Request, kind: EventKind) -> web.StreamResponse:
        admission = self._admission
        if not admission.try_admit(1, MAX_PUT_BYTES):
            return await self._load_shedder.refuse(admission.FULL)
        try:
            if request.body_exists:
                await read_body(request, MAX_IGNORED_BODY_BYTES, self._body_seconds)
            key = request.headers.get("Idempotency-Key")
            domain = parse_domain(request.match_info["domain"])
            event = Event(domain, kind, 1, None if key is None else parse_idempotency_key(key))
            outcome = await self._publisher.publish(event)
        except NodeFullError as error:
            reason = str(error)
        else:
            self.count_put(outcome)
            return web.Response(status=202) if outcome is None else respond_to(outcome)
        finally:
            admission.release(1, MAX_PUT_BYTES)
        return await self._load_shedder.refuse(reason)

    def count_put(self, outcome: RetriableError | None) -> None:
        """Count one event that was published with *outcome*."""
        if outcome is None:
            self._metrics.acknowledged += 1
        else:
            self._metrics.failed += 1

    async def post_events(self, request: web.Request) -> web.StreamResponse:
        """``POST /events``: one event per line, answered once Kafka has every accepted line."""
        if request.content_type not in MEDIA_TYPES:
            raise HttpProblem(
                Problem.UNSUPPORTED_MEDIA_TYPE,
                {"Accept-Post": ACCEPTED_TYPES},
                media_type=ACCEPTED_TYPES,
            )
        with Reservation(self._admission) as reservation:
            try:
                bulk = await self._read(request, reservation)
            except NodeFullError as error:
                reason, read_bytes = str(error), reservation.size_bytes
            else:
                return await self._answer_bulk(bulk)
        return await self._load_shedder.refuse(reason, read_bytes)

    async def _answer_bulk(self, bulk: BulkRequest) -> web.StreamResponse:
        for rejection in bulk.rejected:
            self._metrics.count_rejected_line(rejection.code)
        rejected = sorted(bulk.rejected, key=lambda rejection: rejection.line)
        if not bulk.accepted:
            nothing = msgspec.to_builtins(BulkAnswer(0, rejected))
            return build_problem(Problem.NO_EVENTS, extra=nothing)
        failed, reason = await self._publish(bulk)
        accepted = bulk.accepted - len(failed)
        self._metrics.acknowledged += accepted
        self._metrics.failed += len(failed)
        if reason is not None:
            partial = msgspec.to_builtins(PartialAnswer(accepted, rejected, failed))
            return build_problem(reason.problem, str(reason), extra=partial)
        body = msgspec.json.encode(BulkAnswer(accepted, rejected))
        return web.Response(status=202, body=body, content_type="application/json")

    async def _read(self, request: web.Request, reservation: Reservation) -> BulkRequest:
        """Read and parse the body; room is reserved for each piece, then for all lines."""
        sent = await read_body(
            request, MAX_BYTES, self._body_seconds, lambda size: reservation.extend(size_bytes=size)
        )
        inflated = inflate(request, sent, MAX_BYTES)
        body = open_body(inflated, is_array=request.content_type == ARRAY_TYPE)
        reservation.extend(events=body.lines, size_bytes=max(0, len(inflated) - len(sent)))
        charge(request, body.lines)
        bulk = BulkRequest()
        async with self._parsing:
            for _ in bulk.parse(body):
                await asyncio.sleep(0)
        return bulk

    async def _publish(self, bulk: BulkRequest) -> tuple[list[int], RetriableError | None]:
        """Return the lines that may not be in Kafka, and the error."""
        place = self._publisher.place
        reasons = await publish_all(self._publisher, bulk.by_partition(place))
        if not reasons:
            return [], None
        return sorted(bulk.lines_of(reasons, place)), least_promising(reasons.values())
