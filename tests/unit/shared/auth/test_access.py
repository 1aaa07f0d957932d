"""The check of the API key, its scope and its quota, for routes that require a scope."""

import json
from collections import defaultdict
from typing import Any

import pytest
from aiohttp import web

from shared.auth.api_keys import ApiKeys, hash_secret, parse_api_keys
from shared.auth.config import AccessSettings
from shared.auth.guard import Access, charge
from shared.errors import ConfigError
from shared.http.application import OPEN, Route, build_application
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.problems import HttpProblem
from shared.model.scope import Scope
from tests.fakes.requests import ask, json_of


def entry(name: str, secret: str, *scopes: str, **quotas: float) -> dict[str, Any]:
    """Return an API key of the file."""
    return {"id": name, "sha256": [hash_secret(secret)], "scopes": scopes, **quotas}


def keys_of(*entries: dict[str, Any]) -> ApiKeys:
    """Return the API keys of a file."""
    return parse_api_keys(json.dumps({"keys": entries}).encode())


SENDER, CUSTOMER = "Bearer sender.s1", "Bearer customer.c1"
KEYS = keys_of(entry("sender", "s1", "ingest"), entry("customer", "c1", "query"))


class Gate:
    """An application with the check, and a clock that stands still."""

    def __init__(self, keys: ApiKeys = KEYS, requests_per_second: float | None = None) -> None:
        self.file: ApiKeys | ConfigError = keys
        self.now = 0.0
        self.instrumentation = HttpInstrumentation()
        self.answered: list[str] = []
        self.access = Access(
            keys,
            self.read,
            AccessSettings(requests_per_second=requests_per_second),
            lambda: self.now,
        )
        self.app = build_application(
            [
                Route("PUT", "/one/{name}", self.answer, Scope.INGEST, events=1),
                Route("POST", "/many", self.count, Scope.INGEST),
                Route("GET", "/ask", self.answer, Scope.QUERY),
                Route("GET", "/open", self.answer, OPEN),
                Route(
                    "GET",
                    "/page",
                    self.answer,
                    Scope.QUERY,
                    open_if=lambda request: "q" not in request.query,
                    draw_refusal=lambda _, refusal: web.Response(
                        status=410, text=refusal.problem.code
                    ),
                ),
            ],
            self.access.check,
            self.instrumentation,
        )

    @property
    def refused(self) -> dict[str, int]:
        """How often requests were refused, by code."""
        refused: dict[str, int] = defaultdict(int)
        for family in self.instrumentation.metrics.collect():
            for sample in family.samples:
                if sample.name.endswith("_count") and (code := sample.labels["error_type"]):
                    refused[code] += int(sample.value)
        return dict(refused)

    def read(self) -> ApiKeys:
        """Read the file again."""
        if isinstance(self.file, ConfigError):
            raise self.file
        return self.file

    async def answer(self, request: web.Request) -> web.Response:
        """Answer, and record that the request reached its handler."""
        self.answered.append(request.path)
        return web.Response()

    async def count(self, request: web.Request) -> web.Response:
        """Answer if the quota has the number of events in the header."""
        charge(request, int(request.headers["Lines"]))
        return await self.answer(request)

    async def ask(
        self, method: str, target: str, authorization: str | None = None, lines: int = 0
    ) -> web.Response:
        """Send a request with the header, or without."""
        headers = {"Lines": str(lines)}
        if authorization is not None:
            headers["Authorization"] = authorization
        return await ask(self.app, method, target, None, headers)

    async def status(self, *asked: Any) -> int:
        """Return the status alone."""
        return (await self.ask(*asked)).status


@pytest.mark.parametrize(
    ("method", "target", "authorization", "status"),
    [
        ("PUT", "/one/a", SENDER, 200),
        ("PUT", "/one/a", CUSTOMER, 403),
        ("POST", "/many", CUSTOMER, 403),
        ("GET", "/ask", CUSTOMER, 200),
        ("HEAD", "/ask", CUSTOMER, 200),
        ("HEAD", "/ask", None, 401),
        ("GET", "/ask", SENDER, 403),
        ("GET", "/ask", "Bearer customer.s1", 401),
        ("GET", "/ask", "Bearer nobody.c1", 401),
        ("GET", "/ask", "", 401),
        ("GET", "/open", None, 200),
        ("GET", "/open", "Bearer nobody.c1", 200),
        ("GET", "/nothing", None, 404),
        ("PUT", "/ask", None, 405),
    ],
)
async def test_only_a_key_with_the_scope_of_the_route_passes(
    method: str, target: str, authorization: str | None, status: int
) -> None:
    """The first time and the second; a refused request does not reach the handler."""
    gate = Gate()
    for _ in range(2):
        assert await gate.status(method, target, authorization) == status
    assert bool(gate.answered) == (status == 200)
    assert sum(gate.refused.values()) == (2 if status >= 400 else 0)


async def test_an_unknown_id_is_refused_like_a_wrong_secret() -> None:
    """With the same bytes, also without a key: a challenge, and nothing of what was sent."""
    gate = Gate()
    answers = [
        await gate.ask("GET", "/ask", authorization)
        for authorization in (None, "Bearer nobody.x", "Bearer customer.x", "Basic eDp5", "?")
    ]

    assert len({(each.status, each.body) for each in answers}) == 1
    assert {tuple(each.headers.items()) for each in answers} == {tuple(answers[0].headers.items())}
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"
    assert json_of(answers[0])["code"] == "unauthorized"
    assert gate.refused == {"unauthorized": 5}


async def test_a_route_may_be_open_for_some_requests_and_render_its_refusals() -> None:
    """The page needs a key only for a lookup."""
    gate = Gate()
    assert await gate.status("GET", "/page") == 200
    assert (await gate.ask("GET", "/page?q=1")).text == "unauthorized"
    assert await gate.status("GET", "/page?q=1", CUSTOMER) == 200


async def test_a_key_over_its_quota_gets_the_time_to_wait_and_then_its_whole_quota() -> None:
    """429 with Retry-After, per key; other keys are not affected."""
    gate = Gate(keys_of(entry("a", "x", "query", requests_per_second=4), entry("b", "y", "query")))
    statuses = [await gate.status("GET", "/ask", "Bearer a.x") for _ in range(5)]
    refused = await gate.ask("GET", "/ask", "Bearer a.x")

    assert statuses == [200] * 4 + [429]
    assert (refused.headers["Retry-After"], json_of(refused)["code"]) == ("1", "quota_exceeded")
    assert await gate.status("GET", "/ask", "Bearer b.y") == 200
    gate.now += 1
    assert [await gate.status("GET", "/ask", "Bearer a.x") for _ in range(4)] == [200] * 4


async def test_the_quota_of_the_node_applies_to_keys_without_one() -> None:
    """The quota of the file takes precedence."""
    own = entry("own", "x", "query", requests_per_second=3)
    gate = Gate(keys_of(own, entry("other", "y", "query")), requests_per_second=1)

    assert [await gate.status("GET", "/ask", "Bearer own.x") for _ in range(4)] == [200] * 3 + [429]
    assert [await gate.status("GET", "/ask", "Bearer other.y") for _ in range(2)] == [200, 429]


async def test_a_put_is_one_event_and_a_bulk_request_as_many_as_it_has_lines() -> None:
    """A bulk request is accepted whole, on credit if necessary, or refused whole."""
    gate = Gate(keys_of(entry("sender", "s1", "ingest", events_per_second=10)))
    assert [await gate.status("PUT", "/one/a", SENDER) for _ in range(11)] == [200] * 10 + [429]
    gate.now += 1
    assert await gate.status("POST", "/many", SENDER, 50) == 200
    before = list(gate.answered)
    late = await gate.ask("POST", "/many", SENDER, 1)
    assert (late.status, late.headers["Retry-After"]) == (429, "5")
    assert await gate.status("PUT", "/one/a", SENDER) == 429
    assert gate.refused == {"quota_exceeded": 3}
    assert gate.answered == before
    gate.now += 5
    assert await gate.status("PUT", "/one/a", SENDER) == 200


async def test_concurrent_bulk_requests_do_not_all_get_the_rest_of_a_quota() -> None:
    """The quota is checked again once the lines are counted."""
    gate = Gate(keys_of(entry("sender", "s1", "ingest", events_per_second=10)))
    seen: list[web.Request] = []

    async def keep(request: web.Request) -> web.Response:
        seen.append(request)
        return web.Response()

    app = build_application([Route("POST", "/many", keep, Scope.INGEST)], gate.access.check)
    for _ in range(2):
        await ask(app, "POST", "/many", None, {"Authorization": SENDER})
    charge(seen[0], 50)
    with pytest.raises(HttpProblem, match="quota"):
        charge(seen[1], 50)


async def test_a_reload_replaces_the_keys() -> None:
    """At once, also those that were valid before; the debt of a key remains."""
    limited = entry("customer", "c1", "query", requests_per_second=1)
    gate = Gate(keys_of(limited, entry("gone", "g", "query")))
    assert await gate.status("GET", "/ask", "Bearer gone.g") == 200
    assert await gate.status("GET", "/ask", CUSTOMER) == 200
    gate.file = keys_of({**limited, "sha256": [hash_secret("c1"), hash_secret("c2")]})
    gate.access.reload()

    assert await gate.status("GET", "/ask", "Bearer gone.g") == 401
    assert await gate.status("GET", "/ask", "Bearer customer.c2") == 429
    gate.now += 1
    assert await gate.status("GET", "/ask", "Bearer customer.c2") == 200
    gate.now += 1
    assert await gate.status("GET", "/ask", CUSTOMER) == 200
    gate.file = keys_of({**limited, "sha256": [hash_secret("c2")], "requests_per_second": 9})
    gate.access.reload()
    assert await gate.status("GET", "/ask", CUSTOMER) == 401
    assert [await gate.status("GET", "/ask", "Bearer customer.c2") for _ in range(3)] == [200] * 3


async def test_a_reload_of_an_invalid_file_changes_nothing() -> None:
    """The error is raised; the caller counts and logs it."""
    gate = Gate()
    gate.file = ConfigError(["keys[0].id: wrong"])
    with pytest.raises(ConfigError):
        gate.access.reload()

    assert await gate.status("GET", "/ask", CUSTOMER) == 200


async def test_a_valid_header_is_hashed_once_and_an_invalid_one_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In all its spellings, of which a limited number is kept."""
    monkeypatch.setattr("shared.auth.guard._MAX_KNOWN", 3)
    gate = Gate()
    verified: list[str] = []
    verify = ApiKeys.verify

    def recording_verify(self: ApiKeys, authorization: str) -> Any:
        verified.append(authorization)
        return verify(self, authorization)

    monkeypatch.setattr(ApiKeys, "verify", recording_verify)
    for _ in range(3):
        await gate.ask("GET", "/ask", CUSTOMER)
        await gate.ask("GET", "/ask", "Bearer customer.wrong")
    assert verified == [CUSTOMER, *["Bearer customer.wrong"] * 3]

    for scheme in ("BEARER", "bearer", "BeareR", "beareR"):
        assert await gate.status("GET", "/ask", f"{scheme} customer.c1") == 200
    assert len(gate.access._known) <= 3


async def test_a_route_without_a_scope_cannot_be_built() -> None:
    """No route is open by mistake."""
    with pytest.raises(TypeError, match="scope"):
        Route("GET", "/forgotten", Gate().answer)  # type: ignore[call-arg]
