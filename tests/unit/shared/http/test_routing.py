"""Routing, and the form of refusals."""

import asyncio

import pytest
from aiohttp import web
from multidict import CIMultiDict

from shared.errors import NodeFullError
from shared.http.routing import OPEN, Route, Router
from tests.fakes.requests import ask, json_of


async def echo(request: web.BaseRequest, *values: str) -> web.Response:
    """Answer with the method and the values from the path."""
    return web.json_response([request.method, *values])


async def overloaded(_: web.BaseRequest) -> web.Response:
    """Refuse for now."""
    raise NodeFullError("too much in hand")


async def defective(_: web.BaseRequest) -> web.Response:
    """Fail as no handler should."""
    raise LookupError("a defect")


ROUTER = Router(
    [
        Route("GET", "/domains/{domain}", echo, OPEN),
        Route("POST", "/domains", echo, OPEN),
        Route("PUT", "/events/{domain}/delivered", echo, OPEN),
        Route("PUT", "/events/{domain}/bounced", echo, OPEN),
        Route("DELETE", "/domains/{domain}", echo, OPEN),
        Route("PATCH", "/strict", echo, OPEN, parameters={"known"}),
        Route("GET", "/full", overloaded, OPEN),
        Route("GET", "/defect", defective, OPEN),
    ]
)


@pytest.mark.parametrize(
    ("method", "target", "answer"),
    [
        ("GET", "/domains/a.example", ["GET", "a.example"]),
        ("HEAD", "/domains/a.example", ["HEAD", "a.example"]),
        ("DELETE", "/domains/a.example", ["DELETE", "a.example"]),
        ("POST", "/domains", ["POST"]),
        ("PUT", "/events/a.example/bounced", ["PUT", "a.example"]),
        ("GET", "/domains/a.example?x=/1/2", ["GET", "a.example"]),
        ("GET", "http://host:8081/domains/a.example?x=1", ["GET", "a.example"]),
        ("GET", "/domains/", ["GET", ""]),
        ("GET", "/domains/b%C3%BCcher.example", ["GET", "bücher.example"]),
        ("GET", "/domains/A%2Ecom", ["GET", "A.com"]),
        ("GET", "/domains/a%2Fb", ["GET", "a/b"]),
        ("GET", "/domains/a%252F", ["GET", "a%2F"]),
        ("GET", "/domains/a+b", ["GET", "a+b"]),
        ("GET", "/domains/100%", ["GET", "100%"]),
    ],
)
async def test_a_request_finds_its_handler(method: str, target: str, answer: list[str]) -> None:
    """Values are decoded once, after the path is split; the query string is not part of it."""
    response = await ask(ROUTER, method, target)
    assert (response.status, json_of(response)) == (200, answer)


async def test_invalid_utf8_reaches_the_handler_as_text() -> None:
    """The parser of domains refuses a broken escape; it is not a defect."""
    seen: list[str] = []

    async def keep(_: web.BaseRequest, value: str) -> web.Response:
        seen.append(value)
        return web.Response()

    await ask(Router([Route("GET", "/domains/{domain}", keep, OPEN)]), "GET", "/domains/%ff")
    assert seen == ["\udcff"]


@pytest.mark.parametrize(
    "target",
    [
        *("/", "/nothing", "/domain", "/domains/a/b", "/events/a.example"),
        *("/events/a.example/opened", "//domains/a.example", "/DOMAINS", "/full/"),
    ],
)
async def test_an_unknown_path_is_a_problem(target: str) -> None:
    """A path matches as a whole, with its case and its last slash."""
    response = await ask(ROUTER, "GET", target)
    assert (response.status, json_of(response)["code"]) == (404, "unknown_path")


@pytest.mark.parametrize(
    ("method", "target", "allow"),
    [
        ("GET", "/domains", "POST"),
        ("HEAD", "/domains", "POST"),
        ("PUT", "/domains/a.example", "DELETE, GET, HEAD"),
        ("POST", "/events/a.example/bounced", "PUT"),
        ("OPTIONS", "/full", "GET, HEAD"),
    ],
)
async def test_a_known_path_lists_its_methods(method: str, target: str, allow: str) -> None:
    """Another method is 405, with every method of the path in Allow."""
    response = await ask(ROUTER, method, target)
    assert (response.status, json_of(response)["code"]) == (405, "method_not_allowed")
    assert response.headers["Allow"] == allow


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/strict", 200),
        ("/strict?", 200),
        ("/strict?known=1&known=2", 200),
        ("/strict?other", 400),
        ("/strict?known=1&Known=1", 400),
        ("http://h/strict?a%22b=1", 400),
    ],
)
async def test_a_query_parameter_that_a_route_does_not_know_is_refused(
    target: str, status: int
) -> None:
    """A route says which it knows; one that says nothing ignores all."""
    response = await ask(ROUTER, "PATCH", target)
    assert response.status == status
    if status != 200:
        assert json_of(response)["code"] == "unknown_parameter"


@pytest.mark.parametrize(
    "name", ["Idempotency-Key", "authorization", "CONTENT-TYPE", "Last-Event-ID", "Accept"]
)
async def test_a_field_with_one_value_is_refused_twice(name: str) -> None:
    """Which of the values counts? Fields that are lists may be sent in several lines."""
    headers = CIMultiDict([(name, "a"), (name, "a")])
    response = await ask(ROUTER, "GET", "/domains/a.example", headers=headers)
    if name == "Accept":
        assert response.status == 200
    else:
        assert (response.status, json_of(response)["code"]) == (400, "repeated_field")


async def test_an_exception_that_refuses_becomes_a_problem() -> None:
    """A handler need not catch exceptions that have a response."""
    response = await ask(ROUTER, "GET", "/full")
    assert (response.status, json_of(response)["code"]) == (503, "node_full")


async def test_a_defect_is_not_a_refusal() -> None:
    """An unexpected exception reaches the server, which logs it."""
    with pytest.raises(LookupError):
        await ask(ROUTER, "GET", "/defect")


async def test_a_cancelled_handler_stays_cancelled() -> None:
    """The router does not turn a cancellation into a response."""

    async def wait(_: web.BaseRequest) -> web.Response:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await ask(Router([Route("GET", "/", wait, OPEN)]), "GET", "/")
