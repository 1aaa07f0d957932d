"""Answer customers: one domain by GET, many by POST."""

import asyncio
import json

import msgspec
from aiohttp import web

from query.counter_reader import CounterReader
from query.metrics import QueryMeters
from shared.domain import DomainName, escape_input, parse_domain
from shared.errors import InputError, RetriableError
from shared.http import HttpProblem, Route, Router, retriable_code
from shared.http_body import read_body
from shared.status import classify

MAX_DOMAINS = 1_000
_MAX_BODY_BYTES = 1024 * 1024
_BODY_SECONDS = 10.0

Answer = dict[str, object]


class _Question(msgspec.Struct, forbid_unknown_fields=True):
    domains: list[str]


_decode = msgspec.json.Decoder(_Question).decode


class Handlers:
    """The routes of the query tier."""

    def __init__(self, reader: CounterReader, threshold: int, meters: QueryMeters) -> None:
        self._reader = reader
        self._threshold = threshold
        self._meters = meters

    async def get_domain(self, _: web.BaseRequest, domain: str) -> web.StreamResponse:
        """``GET /domains/{domain}``."""
        try:
            answer = await self._answer(parse_domain(domain))
        except InputError as error:
            self._meters.refused(error.code)
            raise
        except RetriableError as error:
            self._meters.refused(retriable_code(error))
            raise
        return _json(answer)

    async def post_domains(self, request: web.BaseRequest) -> web.StreamResponse:
        """``POST /domains``: an answer or an error for each, in the order of the request."""
        if request.content_type != "application/json":
            raise HttpProblem(415, "unsupported_media_type", "Send application/json.")
        try:
            question = _decode(await read_body(request, _MAX_BODY_BYTES, _BODY_SECONDS))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise HttpProblem(
                400, "malformed_json", 'Send {"domains": ["example.com", ...]}.'
            ) from error
        if not question.domains:
            raise HttpProblem(400, "no_domains", f"Name 1 to {MAX_DOMAINS} domains.")
        if len(question.domains) > MAX_DOMAINS:
            raise HttpProblem(413, "too_many_domains", f"Name at most {MAX_DOMAINS} domains.")
        # Every spelling of a domain is one domain: read it once.
        parsed = [_parse(text) for text in question.domains]
        unique = {domain for domain in parsed if isinstance(domain, str)}
        answers = dict(
            zip(unique, await asyncio.gather(*map(self._answer_or_error, unique)), strict=True)
        )
        return _json(
            {
                "results": [
                    answers[domain] if isinstance(domain, str) else _error(text, domain)
                    for text, domain in zip(question.domains, parsed, strict=True)
                ]
            }
        )

    async def _answer(self, domain: DomainName) -> Answer:
        counters = await self._reader.read(domain)
        verdict = classify(counters, self._threshold)
        self._meters.answered(verdict.status)
        return {
            "domain": domain,
            "status": verdict.status,
            "delivered": counters.delivered,
            "bounced": counters.bounced,
            "threshold": self._threshold,
            "reason": verdict.reason,
        }

    async def _answer_or_error(self, domain: DomainName) -> Answer:
        try:
            return await self._answer(domain)
        except RetriableError as error:
            code = retriable_code(error)
            self._meters.refused(code)
            return {"domain": domain, "error": {"code": code, "detail": str(error)}}


def _parse(text: str) -> DomainName | InputError:
    try:
        return parse_domain(text)
    except InputError as error:
        return error


def _error(text: str, error: InputError) -> Answer:
    # As it was sent, so that the sender finds it; escaped and cut, as in every refusal.
    return {
        "domain": escape_input(text),
        "error": {"code": error.code, "detail": error.detail},
    }


def _json(body: Answer) -> web.Response:
    return web.Response(body=json.dumps(body).encode(), content_type="application/json")


def build_routes(handlers: Handlers, *others: Route) -> Router:
    """Return the handler of the traffic port."""
    return Router(
        [
            Route("GET", "/domains/{domain}", handlers.get_domain),
            Route("POST", "/domains", handlers.post_domains),
            *others,
        ]
    )
