"""Answer a refused request with a problem document (RFC 9457)."""

import json
from http import HTTPStatus
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from shared.errors import InputError, RetriableError
from shared.model.message_fields import Code, Detail
from shared.problems import Problem

CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 1
_CODE = web.ResponseKey("_CODE", str)


class ProblemDocument(msgspec.Struct, frozen=True):
    """Why a request was refused, as RFC 9457 defines it."""

    type: Literal["about:blank"]
    title: Annotated[str, Meta(description="The name of the status.")]
    status: Annotated[int, Meta(ge=400, le=599)]
    detail: Detail
    code: Code


class HttpProblem(Exception):  # noqa: N818 RFC 9457 calls it a problem
    """A refusal that a handler raises; *values* fill the places in the problem's sentence."""

    def __init__(
        self, problem: Problem, headers: dict[str, str] | None = None, **values: object
    ) -> None:
        super().__init__(problem.explain(**values))
        self.problem = problem
        self.headers = headers or {}


REFUSALS = (HttpProblem, InputError, RetriableError)
"""The exceptions with which a handler refuses a request; ``respond_to`` answers them."""


def describe(problem: Problem, detail: str = "") -> dict[str, object]:
    """Return the members of the document of *problem*."""
    document = ProblemDocument(
        "about:blank", problem.title, problem.status, detail or problem.detail, problem.code
    )
    members: dict[str, object] = msgspec.to_builtins(document)
    return members


def build_problem(
    problem: Problem,
    detail: str = "",
    headers: dict[str, str] | None = None,
    extra: dict[str, object] | None = None,
) -> web.Response:
    """Return the response that reports *problem*, with the members of *extra* in its document.

    *detail* is its sentence, for a problem whose own has places to fill or is too general.
    """
    document = describe(problem, detail) | (extra or {})
    headers = {"Cache-Control": "no-store", **(headers or {})}
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS), **headers}
    response = web.Response(
        status=problem.status,
        body=json.dumps(document).encode(),
        content_type=CONTENT_TYPE,
        headers=headers,
    )
    if response.headers.get("Connection") == "close":
        # The header alone does not make aiohttp close the connection.
        response.force_close()
    return mark(response, problem)


def respond_to(error: Exception) -> web.Response:
    """Return the response to a request that failed with *error*.

    Raises *error* again if it is not one of ``REFUSALS``.
    """
    match error:
        case HttpProblem():
            return build_problem(error.problem, str(error), error.headers)
        case InputError() | RetriableError():
            return build_problem(error.problem, str(error))
        case _:
            raise error


def repeat(refusal: web.Response) -> web.Response:
    """Return a response like *refusal*, at a fourth of the cost."""
    response = web.Response(status=refusal.status, body=refusal.body, headers=refusal.headers)
    response[_CODE] = refusal[_CODE]
    return response


def mark(response: web.Response, problem: Problem) -> web.Response:
    """Record on *response* which problem it reports, for metrics and the log."""
    response[_CODE] = problem.code
    return response


def code_of(response: web.StreamResponse) -> str | None:
    """Return the code of the problem that *response* reports, or None."""
    code: str | None = response.get(_CODE)
    return code
