"""Who is let in, by routes that say what they need."""

import json
from collections import defaultdict
from typing import Any

import pytest
from aiohttp import web

from shared.auth.api_keys import Keys, hash_secret, parse_keys
from shared.auth.config import AccessSettings
from shared.auth.guard import Access, charge
from shared.errors import ConfigError
from shared.http.problems import HttpProblem
from shared.http.routing import OPEN, Route, Router
from shared.http.watch import HttpWatch
from shared.model.scope import Scope
from tests.fakes.requests import ask, json_of


def entry(name: str, secret: str, *scopes: str, **quotas: float) -> dict[str, Any]:
    """Return a key of the file."""
    return {"id": name, "sha256": [hash_secret(secret)], "scopes": scopes, **quotas}


def keys_of(*entries: dict[str, Any]) -> Keys:
    """Return the keys of a file."""
    return parse_keys(json.dumps({"keys": entries}).encode())


SENDER, CUSTOMER = "Bearer sender.s1", "Bearer customer.c1"
KEYS = keys_of(entry("sender", "s1", "ingest"), entry("customer", "c1", "query"))


class Gate:
    """A router behind a check, with a clock that stands still."""

    def __init__(self, keys: Keys = KEYS, requests_per_second: float | None = None) -> None:
        self.file: Keys | ConfigError = keys
        self.now = 0.0
        self.watch = HttpWatch()
        self.answered: list[str] = []
        self.access = Access(
            keys,
            self.read,
            AccessSettings(requests_per_second=requests_per_second),
            lambda: self.now,
        )
        self.router = Router(
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
            self.access.guard,
            self.watch,
        )

    @property
    def refused(self) -> dict[str, int]:
        """How often requests were refused, by code."""
        refused: dict[str, int] = defaultdict(int)
        for family in self.watch.meters.collect():
            for sample in family.samples:
                if sample.name.endswith("_count") and (code := sample.labels["error_type"]):
                    refused[code] += int(sample.value)
        return dict(refused)

    def read(self) -> Keys:
        """Read the file again."""
        if isinstance(self.file, ConfigError):
            raise self.file
        return self.file

    async def answer(self, request: web.BaseRequest, *_: str) -> web.Response:
        """Answer whoever was let in."""
        self.answered.append(request.path)
        return web.Response()

    async def count(self, request: web.BaseRequest) -> web.Response:
        """Answer who has quota for as many events as the header says."""
        charge(request, int(request.headers["Lines"]))
        return await self.answer(request)

    async def ask(
        self, method: str, target: str, authorization: str | None = None, lines: int = 0
    ) -> web.Response:
        """Ask with a header, or without."""
        headers = {"Lines": str(lines)}
        if authorization is not None:
            headers["Authorization"] = authorization
        return await ask(self.router, method, target, None, headers)

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
async def test_a_route_is_for_who_has_its_scope(
    method: str, target: str, authorization: str | None, status: int
) -> None:
    """Once and again alike, and whoever is not let in reaches no handler."""
    gate = Gate()
    for _ in range(2):
        assert await gate.status(method, target, authorization) == status
    assert bool(gate.answered) == (status == 200)
    assert sum(gate.refused.values()) == (2 if status >= 400 else 0)


async def test_an_unknown_id_is_refused_as_a_wrong_secret_is() -> None:
    """To the byte, and as nobody at all is: a challenge, and nothing of what was sent."""
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


async def test_a_page_may_be_open_in_part_and_refuse_in_its_own_way() -> None:
    """It is asked for without a key as long as it asks for nothing."""
    gate = Gate()
    assert await gate.status("GET", "/page") == 200
    assert (await gate.ask("GET", "/page?q=1")).text == "unauthorized"
    assert await gate.status("GET", "/page?q=1", CUSTOMER) == 200


async def test_who_is_over_quota_is_told_for_how_long_and_then_has_all_of_it() -> None:
    """429 with Retry-After, per key; nothing else is refused with it."""
    gate = Gate(keys_of(entry("a", "x", "query", requests_per_second=4), entry("b", "y", "query")))
    statuses = [await gate.status("GET", "/ask", "Bearer a.x") for _ in range(5)]
    refused = await gate.ask("GET", "/ask", "Bearer a.x")

    assert statuses == [200] * 4 + [429]
    assert (refused.headers["Retry-After"], json_of(refused)["code"]) == ("1", "quota_exceeded")
    assert await gate.status("GET", "/ask", "Bearer b.y") == 200
    gate.now += 1
    assert [await gate.status("GET", "/ask", "Bearer a.x") for _ in range(4)] == [200] * 4


async def test_the_quota_of_the_node_is_for_keys_without_their_own() -> None:
    """What the file says wins."""
    own = entry("own", "x", "query", requests_per_second=3)
    gate = Gate(keys_of(own, entry("other", "y", "query")), requests_per_second=1)

    assert [await gate.status("GET", "/ask", "Bearer own.x") for _ in range(4)] == [200] * 3 + [429]
    assert [await gate.status("GET", "/ask", "Bearer other.y") for _ in range(2)] == [200, 429]


async def test_events_are_one_a_put_and_as_many_as_are_counted_of_a_bulk_request() -> None:
    """A bulk request is taken whole, on credit if need be, or refused whole."""
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


async def test_bulk_requests_that_are_read_side_by_side_do_not_all_get_what_is_left() -> None:
    """The quota is asked again once the lines are counted."""
    gate = Gate(keys_of(entry("sender", "s1", "ingest", events_per_second=10)))
    seen: list[web.BaseRequest] = []

    async def keep(request: web.BaseRequest) -> web.Response:
        seen.append(request)
        return web.Response()

    router = Router([Route("POST", "/many", keep, Scope.INGEST)], gate.access.guard)
    for _ in range(2):
        await ask(router, "POST", "/many", None, {"Authorization": SENDER})
    charge(seen[0], 50)
    with pytest.raises(HttpProblem, match="quota"):
        charge(seen[1], 50)


async def test_a_reload_takes_the_new_keys_and_forgets_the_old() -> None:
    """At once, also those that were let in before; what a key owes it owes still."""
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


async def test_a_file_that_is_wrong_when_it_is_read_again_changes_nothing() -> None:
    """It is raised for whoever counts and logs it."""
    gate = Gate()
    gate.file = ConfigError(["keys[0].id: wrong"])
    with pytest.raises(ConfigError):
        gate.access.reload()

    assert await gate.status("GET", "/ask", CUSTOMER) == 200


async def test_a_right_key_is_hashed_once_and_a_wrong_one_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In all its spellings, of which no more are kept than fit."""
    monkeypatch.setattr("shared.auth.guard._MAX_KNOWN", 3)
    gate = Gate()
    verified: list[str] = []
    verify = Keys.verify

    def noted(self: Keys, authorization: str) -> Any:
        verified.append(authorization)
        return verify(self, authorization)

    monkeypatch.setattr(Keys, "verify", noted)
    for _ in range(3):
        await gate.ask("GET", "/ask", CUSTOMER)
        await gate.ask("GET", "/ask", "Bearer customer.wrong")
    assert verified == [CUSTOMER, *["Bearer customer.wrong"] * 3]

    for scheme in ("BEARER", "bearer", "BeareR", "beareR"):
        assert await gate.status("GET", "/ask", f"{scheme} customer.c1") == 200
    assert len(gate.access._known) <= 3


def test_a_route_that_does_not_say_what_it_needs_cannot_be_made() -> None:
    """Nobody leaves one open by forgetting."""
    with pytest.raises(TypeError, match="scope"):
        Route("GET", "/forgotten", Gate.answer)  # type: ignore[call-arg]
