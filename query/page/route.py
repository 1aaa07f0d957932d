"""Serve the page for people. A look-up works without a script: ``GET /?domain=example.com``."""

from collections.abc import Awaitable, Callable
from html import escape
from string import Template

from aiohttp import web

from query.lookup.answer import Answer
from query.page.card import draw_card, draw_problem
from query.page.static_files import StaticFile, build_file_routes, read, security_headers
from shared.errors import InputError, RetriableError
from shared.http.problems import RETRY_AFTER_SECONDS, HttpProblem, mark
from shared.http.routing import OPEN, Route
from shared.model.domain import MAX_QUOTED_CHARACTERS, DomainName, parse_domain
from shared.model.scope import Scope
from shared.problems import Problem

LookUp = Callable[[DomainName], Awaitable[Answer]]
"""Return what is known of a domain. Raises RetriableError."""


class Page:
    """The page, with or without an answer in it."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up
        self._template = Template(read("index.html").decode())
        self._headers = security_headers()
        self._empty = StaticFile.of(self._fill("", ""), "text/html", self._headers)

    async def get(self, request: web.BaseRequest) -> web.Response:
        """``GET /`` and ``GET /?domain=...``."""
        if _asks_nothing(request):
            return await self._empty.get(request)
        typed = request.query["domain"].strip()
        headers = {**self._headers, "Cache-Control": "no-store"}
        problem: Problem | None = None
        try:
            answer = draw_card(await self._look_up(parse_domain(typed)), typed)
            status = 200
        except InputError as error:
            problem = error.problem
            status = problem.status
            answer = draw_problem(problem.code, "This is not a mail domain", str(error))
            typed = typed[:MAX_QUOTED_CHARACTERS]
        except RetriableError as error:
            problem = error.problem
            status = problem.status
            answer = draw_problem(problem.code, "No answer just now", f"{error} Please try again.")
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        response = self._respond(status, typed, answer, headers)
        return response if problem is None else mark(response, problem)

    def refuse(self, request: web.BaseRequest, refusal: HttpProblem) -> web.Response:
        """Return the page with why its question was not answered, for want of a key."""
        typed = request.query.get("domain", "").strip()[:MAX_QUOTED_CHARACTERS]
        answer = draw_problem(refusal.problem.code, "No answer without a key", str(refusal))
        headers = {**self._headers, "Cache-Control": "no-store", **refusal.headers}
        return mark(self._respond(refusal.problem.status, typed, answer, headers), refusal.problem)

    def _respond(
        self, status: int, typed: str, answer: str, headers: dict[str, str]
    ) -> web.Response:
        return web.Response(
            status=status,
            body=self._fill(typed, answer),
            content_type="text/html",
            charset="utf-8",
            headers=headers,
        )

    def _fill(self, typed: str, answer: str) -> bytes:
        page = self._template.substitute(typed=escape(typed), answer=answer)
        # What was sent as bytes of no encoding is a surrogate here, and no text.
        return page.encode(errors="replace")


def _asks_nothing(request: web.BaseRequest) -> bool:
    return "domain" not in request.query


def build_page_routes(look_up: LookUp) -> list[Route]:
    """Return the routes of the page, of its files, and of the API's documentation."""
    # Swagger UI's style sheet has its images inside.
    docs = StaticFile.of(read("docs.html"), "text/html", security_headers(data_images=True))
    page = Page(look_up)
    return [
        Route("GET", "/", page.get, Scope.QUERY, open_if=_asks_nothing, draw_refusal=page.refuse),
        Route("GET", "/docs", docs.get, OPEN),
        *build_file_routes(),
    ]
