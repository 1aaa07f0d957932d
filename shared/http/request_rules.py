"""What each request may say, on whichever route.

A field that is there twice, or a parameter that the route does not know, is refused: to ignore it
would do something other than what was asked, such as count an event under another idempotency key,
or once instead of ``?count=5`` times.
"""

from collections.abc import Container

from aiohttp import web
from multidict import istr

from shared.http.problems import HttpProblem
from shared.model.domain import quote_input
from shared.problems import Problem

_SINGLE = tuple(
    map(
        istr,
        ("Authorization", "Content-Encoding", "Content-Type", "Idempotency-Key", "Last-Event-ID"),
    )
)
"""The fields with one value that any handler reads. The parser refuses others (Host) twice."""


def check_fields(request: web.BaseRequest) -> None:
    """Raise HttpProblem if *request* has a field twice that has one value."""
    values_of = request.headers.getall
    for name in _SINGLE:
        if len(values_of(name, ())) > 1:
            raise HttpProblem(Problem.REPEATED_FIELD, name=name)


def check_parameters(request: web.BaseRequest, known: Container[str]) -> None:
    """Raise HttpProblem if *request* has a query parameter that is not *known*."""
    for name in request.query:
        if name not in known:
            raise HttpProblem(Problem.UNKNOWN_PARAMETER, name=quote_input(name))


def is_known(request: web.BaseRequest, tag: str) -> bool:
    """Whether the client has the version with *tag*, an entity tag without its quotes.

    The comparison is weak, by value alone (RFC 9110, 13.1.2).
    """
    condition = request.headers.get("If-None-Match")
    if condition is None:
        return False
    return condition.strip() == "*" or any(
        each.value == tag for each in request.if_none_match or ()
    )
