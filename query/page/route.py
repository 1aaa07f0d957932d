"""Serve the page for people. A look-up works without a script: ``GET /?domain=example.com``."""

from collections.abc import Awaitable, Callable
from html import escape
from string import Template

from aiohttp import web

from query.answer import Answer
from query.page.card import draw_card, draw_problem
from query.page.static_files import StaticFile, build_file_routes, read, security_headers
from shared.domain import MAX_QUOTED_CHARACTERS, DomainName, parse_domain
from shared.errors import InputError, RetriableError
from shared.http import RETRY_AFTER_SECONDS, Route, retriable_code
from shared.http_watch import mark

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
        typed = request.query.get("domain")
        if typed is None:
            return await self._empty.get(request)
        typed = typed.strip()
        headers = {**self._headers, "Cache-Control": "no-store"}
        code = None
        try:
            answer = draw_card(await self._look_up(parse_domain(typed)), typed)
            status = 200
        except InputError as error:
            status, code = 400, error.code
            answer = draw_problem(code, "This is no mail domain", error.detail)
            typed = typed[:MAX_QUOTED_CHARACTERS]
        except RetriableError as error:
            status, code = 503, retriable_code(error)
            answer = draw_problem(code, "No answer just now", f"{error} Please try again.")
            headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        response = web.Response(
            status=status,
            body=self._fill(typed, answer),
            content_type="text/html",
            charset="utf-8",
            headers=headers,
        )
        return response if code is None else mark(response, code)

    def _fill(self, typed: str, answer: str) -> bytes:
        page = self._template.substitute(typed=escape(typed), answer=answer)
        # What was sent as bytes of no encoding is a surrogate here, and no text.
        return page.encode(errors="replace")


def build_page_routes(look_up: LookUp) -> list[Route]:
    """Return the routes of the page, of its files, and of the API's documentation."""
    # Swagger UI's style sheet has its images inside.
    docs = StaticFile.of(read("docs.html"), "text/html", security_headers(data_images=True))
    return [
        Route("GET", "/", Page(look_up).get),
        Route("GET", "/docs", docs.get),
        *build_file_routes(),
    ]
