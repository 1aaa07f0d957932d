"""The routes of an application, and the form of its refusals."""

import asyncio
import json

import pytest
from aiohttp import web
from multidict import CIMultiDict

from shared.errors import NodeFullError
from shared.http.application import OPEN, Route, build_application
from shared.http.server import HttpLimits, build_server
from tests.fakes.client_transport import exchange
from tests.fakes.requests import ask, json_of


async def echo(request: web.Request) -> web.Response:
    """Answer with the method and the values from the path."""
    return web.json_response([request.method, *request.match_info.values()])


async def overloaded(_: web.Request) -> web.Response:
    """Refuse for now."""
    raise NodeFullError("too much in hand")


async def defective(_: web.Request) -> web.Response:
    """Fail as no handler should."""
    raise LookupError("a defect")


APPLICATION = build_application(
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
        ("GET", "/%64omains/a.example", ["GET", "a.example"]),
        ("GET", "/domains/a%2Fb", ["GET", "a/b"]),
        ("GET", "/domains/a%252F", ["GET", "a%2F"]),
        ("GET", "/domains/a+b", ["GET", "a+b"]),
        ("GET", "/domains/100%", ["GET", "100%"]),
    ],
)
async def test_a_request_finds_its_handler(method: str, target: str, answer: list[str]) -> None:
    """Values are decoded once, after the path is split; the query string is not part of it."""
    response = await ask(APPLICATION, method, target)
    assert (response.status, json_of(response)) == (200, answer)


async def test_invalid_utf8_reaches_the_handler_as_text() -> None:
    """The parser of domains refuses a broken escape; it is not a defect."""
    response = await ask(APPLICATION, "GET", "/domains/%ff")
    assert json_of(response) == ["GET", "%ff"]


@pytest.mark.parametrize(
    "target",
    [
        *("/", "/nothing", "/domain", "/domains/a/b", "/events/a.example"),
        *("/events/a.example/opened", "//domains/a.example", "/DOMAINS", "/full/"),
    ],
)
async def test_an_unknown_path_is_a_problem(target: str) -> None:
    """A path matches as a whole, with its case and its last slash."""
    response = await ask(APPLICATION, "GET", target)
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
    response = await ask(APPLICATION, method, target)
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
    response = await ask(APPLICATION, "PATCH", target)
    assert response.status == status
    if status != 200:
        assert json_of(response)["code"] == "unknown_parameter"


@pytest.mark.parametrize(
    "name", ["Idempotency-Key", "authorization", "CONTENT-TYPE", "Last-Event-ID", "Accept"]
)
async def test_a_field_with_one_value_is_refused_twice(name: str) -> None:
    """Which of the values counts? Fields that are lists may be sent in several lines."""
    headers = CIMultiDict([(name, "a"), (name, "a")])
    response = await ask(APPLICATION, "GET", "/domains/a.example", headers=headers)
    if name == "Accept":
        assert response.status == 200
    else:
        assert (response.status, json_of(response)["code"]) == (400, "repeated_field")


async def test_an_exception_that_refuses_becomes_a_problem() -> None:
    """A handler need not catch exceptions that have a response."""
    response = await ask(APPLICATION, "GET", "/full")
    assert (response.status, json_of(response)["code"]) == (503, "node_full")


async def test_a_defect_is_not_a_refusal() -> None:
    """An unexpected exception reaches the server, which logs it."""
    with pytest.raises(LookupError):
        await ask(APPLICATION, "GET", "/defect")


async def test_a_cancelled_handler_stays_cancelled() -> None:
    """No middleware turns a cancellation into a response."""

    async def wait(_: web.Request) -> web.Response:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await ask(build_application([Route("GET", "/", wait, OPEN)]), "GET", "/")


async def answer_of(*lines: str) -> bytes:
    """Return the bytes that a server answers to a request of *lines*."""
    request = "\r\n".join([*lines, "Host: h", "", ""]).encode()
    received, _ = await exchange(await build_server(APPLICATION, HttpLimits()), [request])
    return received


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("target", ["/nothing", "/domains/a.example"])
@pytest.mark.parametrize("expected", ["100-continue", "something"])
async def test_the_body_of_a_refused_request_is_not_asked_for(
    method: str, target: str, expected: str
) -> None:
    """Aiohttp by itself sends 100 Continue, or refuses what else is expected in plain text."""
    answer = await answer_of(
        f"{method} {target} HTTP/1.1", "Content-Length: 5", f"Expect: {expected}"
    )
    assert answer.startswith((b"HTTP/1.1 404 ", b"HTTP/1.1 405 "))
    assert b"\r\nContent-Type: application/problem+json\r\n" in answer


@pytest.mark.parametrize(
    ("target", "lines", "status", "code"),
    [
        ("*", [], 404, "unknown_path"),
        ("*", ["Expect: something"], 400, "malformed_request"),
        ("/domains/a.example", ["Expect: something"], 405, "method_not_allowed"),
    ],
)
async def test_a_target_that_is_not_a_path_is_refused_with_a_problem(
    target: str, lines: list[str], status: int, code: str
) -> None:
    """The routes of aiohttp do not match it, so aiohttp itself refuses it."""
    head, _, body = (await answer_of(f"OPTIONS {target} HTTP/1.1", *lines)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert (json.loads(body)["status"], json.loads(body)["code"]) == (status, code)
