"""Handle the requests of customers: one domain by GET, many by POST."""

import asyncio

import msgspec
from aiohttp import web

from query.lookup.answer import Answer
from query.lookup.answer_response import AnswerResponse, encode
from query.lookup.read_through_cache import AnswerEntry, ReadThroughCache
from query.messages import MAX_DOMAINS, BulkLookup, Failure, NoAnswer
from query.metrics import QueryMetrics
from shared.errors import InputError, NodeFullError, RetriableError
from shared.http.application import Route
from shared.http.bodies import inflate, read_body
from shared.http.load_shedding import LoadShedder
from shared.http.problems import HttpProblem
from shared.http.rate_limiter import RateLimiter
from shared.model.domain import DomainName, escape_input, parse_domain
from shared.model.json_objects import BYTE_ORDER_MARK, has_duplicate_field
from shared.model.scope import Scope
from shared.problems import Problem

MAX_BODY_BYTES = 1024 * 1024
BODY_SECONDS = 10.0
MEDIA_TYPE = "application/json"
LOOKUP_FORM = 'object: {"domains": ["example.com", ...]}'
_NAMES_PER_TURN = 100
"""A bulk request parses this many names before other tasks run."""


_decode = msgspec.json.Decoder(BulkLookup).decode


class Handlers:
    """The handlers of the lookup routes."""

    def __init__(self, cache: ReadThroughCache, metrics: QueryMetrics) -> None:
        self._cache = cache
        self._metrics = metrics
        limiter = RateLimiter(asyncio.get_running_loop().call_later)
        self._load_shedder = LoadShedder(limiter)

    def routes(self) -> list[Route]:
        """Return the routes of the traffic port."""
        return [
            Route("GET", "/domains/{domain}", self.get_domain, Scope.QUERY, parameters=()),
            Route("POST", "/domains", self.post_domains, Scope.QUERY, parameters=()),
        ]

    async def get_domain(self, request: web.Request) -> web.StreamResponse:
        """``GET /domains/{domain}``."""
        domain = request.match_info["domain"]
        # A cached domain needs no parsing: only its canonical spelling has an entry.
        known = self._cache.get_cached(domain)
        try:
            response = await self._respond(domain, known)
        except NodeFullError as error:
            return await self._load_shedder.refuse(str(error))
        self._metrics.answers[response.status_of_domain] += 1
        return response.respond_to(request)

    async def post_domains(self, request: web.Request) -> web.StreamResponse:
        """``POST /domains``: an answer or an error for each name, in the order of the request."""
        try:
            results = await self._answer_all(await _read_names(request))
        except NodeFullError as error:
            reason = str(error)
        else:
            return web.Response(
                body=encode({"results": results}),
                content_type="application/json",
                headers={"Cache-Control": "no-store"},
            )
        # The names are freed by now: a refusal may have to wait for its turn.
        return await self._load_shedder.refuse(reason)

    async def _answer_all(self, texts: list[str]) -> list[Answer | NoAnswer]:
        parsed = await _parse_all(texts)
        # All spellings of a domain share one read.
        unique = list({name: None for name in parsed if isinstance(name, str)})
        answers = await self._cache.get_many(unique)
        return [
            self._result(name, answers[name])
            if isinstance(name, str)
            else self._reject(escape_input(text), name)
            for text, name in zip(texts, parsed, strict=True)
        ]

    async def _respond(self, text: str, known: AnswerEntry | None) -> AnswerResponse:
        """Return the response for *text*; *known* is the entry found under *text* itself.

        The response is stored from the second request on: most domains are requested once.
        """
        cache = self._cache
        domain = parse_domain(text) if known is None else known.answer.domain
        if known is None and domain != text:
            known = cache.get_cached(domain)
        requested_before = known is not None
        if known is None or cache.clock() >= known.fresh_until:
            known = await cache.get_entry(domain)
            if not known.answer.is_final:
                # Read just now, so a cache may keep it for the whole lifetime.
                still_fresh = cache.clock() < known.fresh_until
                return AnswerResponse(known.answer, int(cache.fresh_seconds) * still_fresh)
        else:
            cache.refresh_if_due(known)
        now = cache.clock()
        if (response := known.response_at(now)) is None:
            max_age = known.max_age_at(now) or 0
            response = AnswerResponse(known.answer, max_age)
            if requested_before:
                known.store_response(response, max_age)
        return response

    def _result(self, domain: DomainName, outcome: Answer | RetriableError) -> Answer | NoAnswer:
        if isinstance(outcome, Answer):
            self._metrics.answers[outcome.status] += 1
            return outcome
        return self._reject(domain, outcome)

    def _reject(self, domain: str, error: InputError | RetriableError) -> NoAnswer:
        code = error.problem.code
        self._metrics.count_rejected_domain(code)
        return NoAnswer(domain, Failure(code, str(error)))


async def _read_names(request: web.Request) -> list[str]:
    if request.content_type != MEDIA_TYPE:
        raise HttpProblem(
            Problem.UNSUPPORTED_MEDIA_TYPE, {"Accept-Post": MEDIA_TYPE}, media_type=MEDIA_TYPE
        )
    sent = await read_body(request, MAX_BODY_BYTES, BODY_SECONDS)
    text = inflate(request, sent, MAX_BODY_BYTES).removeprefix(BYTE_ORDER_MARK)
    try:
        body = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HttpProblem(Problem.MALFORMED_JSON, part="body", form=LOOKUP_FORM) from error
    # Nearly all bodies name the field once, and have no escape sequence that could hide it.
    if (text.count(b'"domains"') != 1 or b"\\" in text) and has_duplicate_field(text):
        raise HttpProblem(Problem.DUPLICATE_FIELD)
    if not body.domains:
        raise HttpProblem(Problem.NO_DOMAINS, max_domains=MAX_DOMAINS)
    if len(body.domains) > MAX_DOMAINS:
        raise HttpProblem(Problem.TOO_MANY_DOMAINS, max_domains=MAX_DOMAINS)
    return body.domains


async def _parse_all(texts: list[str]) -> list[DomainName | InputError]:
    parsed: list[DomainName | InputError] = []
    for number, text in enumerate(texts, 1):
        try:
            parsed.append(parse_domain(text))
        except InputError as error:
            parsed.append(error)
        if not number % _NAMES_PER_TURN:
            await asyncio.sleep(0)
    return parsed
