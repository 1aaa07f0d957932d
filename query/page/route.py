"""Serve the pages for people. A lookup works without a script: ``GET /?domain=example.com``."""

from collections.abc import Awaitable, Callable
from html import escape
from string import Template

from aiohttp import web

from query.lookup.answer import Answer
from query.page.card import render_card, render_problem
from query.page.static_files import StaticFile, build_file_routes, read, security_headers
from shared.errors import InputError, RetriableError
from shared.http.application import OPEN, Route
from shared.http.problems import RETRY_AFTER_SECONDS, HttpProblem, mark
from shared.model.domain import MAX_QUOTED_CHARACTERS, DomainName, parse_domain
from shared.model.scope import Scope
from shared.problems import Problem

GetAnswer = Callable[[DomainName], Awaitable[Answer]]
"""Returns the answer for a domain. Raises RetriableError."""


class Page:
    """The page, with or without an answer in it."""

    def __init__(self, get_answer: GetAnswer) -> None:
        self._get_answer = get_answer
        self._template = Template(_assemble("index.html", Scope.QUERY))
        self._headers = security_headers()
        self._empty = StaticFile.of(self._fill("", ""), "text/html", self._headers)

    async def get(self, request: web.Request) -> web.Response:
        """``GET /`` and ``GET /?domain=...``."""
        if _has_no_domain(request):
            return await self._empty.get(request)
        typed = request.query["domain"].strip()
        headers = {**self._headers, "Cache-Control": "no-store"}
        problem: Problem | None = None
        try:
            answer = render_card(await self._get_answer(parse_domain(typed)), typed)
            status = 200
        except InputError as error:
            problem = error.problem
            status = problem.status
            answer = render_problem(problem.code, "This is not a mail domain", str(error))
            typed = typed[:MAX_QUOTED_CHARACTERS]
        except RetriableError as error:
            problem = error.problem
            status = problem.status
            answer = render_problem(
                problem.code, "No answer at the moment", f"{error} Please try again."
            )
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        response = self._respond(status, typed, answer, headers)
        return response if problem is None else mark(response, problem)

    def refuse(self, request: web.Request, refusal: HttpProblem) -> web.Response:
        """Return the page with the reason why a request without a valid API key was refused."""
        typed = request.query.get("domain", "").strip()[:MAX_QUOTED_CHARACTERS]
        answer = render_problem(refusal.problem.code, "An API key is required", str(refusal))
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
        # Bytes that are not UTF-8 are surrogates here, which cannot be encoded.
        return page.encode(errors="replace")


def _assemble(name: str, *scopes: Scope) -> str:
    """Return a page with the parts that pages share; its scripts need an API key with *scopes*."""
    words = " and ".join(f'"{scope}"' for scope in scopes)
    scope_or_scopes = f"scope{'s' if len(scopes) > 1 else ''} {words}"
    access = Template(read("parts/access.html").decode()).substitute(scopes=escape(scope_or_scopes))
    parts = {part: read(f"parts/{part}.html").decode() for part in ("head", "charts")}
    return Template(read(name).decode()).safe_substitute(parts, access=access)


def _has_no_domain(request: web.Request) -> bool:
    return "domain" not in request.query


def build_page_routes(get_answer: GetAnswer) -> list[Route]:
    """Return the routes of the pages and of their files."""
    # The style sheet of Swagger UI embeds its images as data URLs.
    docs = StaticFile.of(
        _assemble("docs.html").encode(),
        "text/html",
        security_headers(data_images=True),
    )
    operators = StaticFile.of(
        _assemble("operators.html", Scope.QUERY, Scope.OPERATE).encode(),
        "text/html",
        security_headers(),
    )
    page = Page(get_answer)
    return [
        Route("GET", "/", page.get, Scope.QUERY, open_if=_has_no_domain, draw_refusal=page.refuse),
        Route("GET", "/operators", operators.get, OPEN),
        Route("GET", "/docs", docs.get, OPEN),
        *build_file_routes(),
    ]
