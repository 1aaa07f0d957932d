"""Answer senders: one event by PUT, many by POST, each only when Kafka has it."""

import asyncio
import json

from aiohttp import web

from ingest.bulk import MAX_BYTES, Bulk, TooManyLinesError, split_lines
from ingest.metrics import IngestMeters
from ingest.publisher import Acknowledgement, Publisher
from shared.domain import parse_domain
from shared.errors import InputError, NodeFullError, OutcomeUnknownError, RetriableError
from shared.event import Event, EventKind, parse_key
from shared.http import HttpProblem, Route, Router, problem, retriable_code
from shared.http_body import inflate, read_body

MAX_IGNORED_BODY_BYTES = 4096
_BODY_SECONDS = 10.0
_LINES_AT_ONCE = 500


class Handlers:
    """The three routes of the ingest tier."""

    def __init__(self, publisher: Publisher, meters: IngestMeters) -> None:
        self._publisher = publisher
        self._meters = meters

    async def put_delivered(self, request: web.BaseRequest, domain: str) -> web.StreamResponse:
        """``PUT /events/{domain}/delivered``."""
        return await self._put(request, domain, EventKind.DELIVERED)

    async def put_bounced(self, request: web.BaseRequest, domain: str) -> web.StreamResponse:
        """``PUT /events/{domain}/bounced``."""
        return await self._put(request, domain, EventKind.BOUNCED)

    async def _put(
        self, request: web.BaseRequest, domain: str, kind: EventKind
    ) -> web.StreamResponse:
        try:
            if request.body_exists:
                await read_body(request, MAX_IGNORED_BODY_BYTES, _BODY_SECONDS)
            key = request.headers.get("Idempotency-Key")
            event = Event(parse_domain(domain), kind, 1, None if key is None else parse_key(key))
            outcome = await self._publisher.add(event)
        except (InputError, HttpProblem) as error:
            self._meters.refused(error.code)
            raise
        except NodeFullError as error:
            self._meters.refused(retriable_code(error))
            raise
        if outcome is not None:
            return problem(503, retriable_code(outcome), str(outcome))
        return web.Response(status=202)

    async def post_events(self, request: web.BaseRequest) -> web.StreamResponse:
        """``POST /events``: a line each, answered once every good line is in Kafka."""
        if request.content_type != "application/x-ndjson":
            raise HttpProblem(415, "unsupported_media_type", "Send application/x-ndjson.")
        body = inflate(request, await read_body(request, MAX_BYTES, _BODY_SECONDS), MAX_BYTES)
        try:
            lines = split_lines(body)
        except TooManyLinesError as error:
            raise HttpProblem(413, error.code, error.detail) from error
        bulk = Bulk()
        for start in range(0, len(lines), _LINES_AT_ONCE):
            bulk.parse(lines[start : start + _LINES_AT_ONCE])
            # Names that need IDNA take a hundred times longer: others must not wait for all.
            await asyncio.sleep(0)
        for rejection in bulk.rejected:
            self._meters.refused(rejection.code)
        failed, reason = await self._publish(bulk)
        answer: dict[str, object] = {
            "accepted": len(bulk.events) - len(failed),
            "rejected": [
                {"line": r.line, "code": r.code, "detail": r.detail} for r in bulk.rejected
            ],
        }
        if reason is not None:
            answer["failed"] = failed
            return problem(503, retriable_code(reason), str(reason), extra=answer)
        return web.Response(
            status=202, body=json.dumps(answer).encode(), content_type="application/json"
        )

    async def _publish(self, bulk: Bulk) -> tuple[list[int], RetriableError | None]:
        """Return the lines that are not in Kafka for certain, and why."""
        failed: list[int] = []
        reason: RetriableError | None = None
        lines: dict[Acknowledgement, list[int]] = {}
        for number, event in bulk.events:
            try:
                lines.setdefault(self._publisher.add(event), []).append(number)
            except NodeFullError as error:
                failed.append(number)
                reason = error
                self._meters.refused(retriable_code(error))
        if lines:
            await asyncio.wait(lines)
        for acknowledgement, numbers in lines.items():
            outcome = acknowledgement.result()
            if outcome is not None:
                failed.extend(numbers)
                # One code for all failed lines: the one that promises least.
                if not isinstance(reason, OutcomeUnknownError):
                    reason = outcome
        return sorted(failed), reason


def build_routes(handlers: Handlers) -> Router:
    """Return the handler of the traffic port."""
    return Router(
        [
            Route("PUT", "/events/{domain}/delivered", handlers.put_delivered),
            Route("PUT", "/events/{domain}/bounced", handlers.put_bounced),
            Route("POST", "/events", handlers.post_events),
        ]
    )
