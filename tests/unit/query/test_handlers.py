"""What customers receive."""

import gzip
import json
from collections.abc import Mapping

import pytest
from prometheus_client import CollectorRegistry

from query.handlers import Handlers
from query.lookup.read_through_cache import ReadThroughCache
from query.metrics import QueryMetrics
from shared.errors import RetriableError, StoreUnavailableError
from shared.http.application import build_application
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.model.counter import Counters
from tests.fakes.clock import Clock
from tests.fakes.counter_reader import InMemoryCounterReader
from tests.fakes.requests import ask, json_of
from tests.unit.samples import counted_with

REQUESTS = "http_server_request_duration_seconds_count"
JSON = {"Content-Type": "application/json"}
COUNTERS = {
    "all.example": Counters(1001, 0),
    "edge.example": Counters(1000, 0),
    "not.example": Counters(5000, 1),
    "xn--bcher-kva.example": Counters(7, 0),
}
ALL = {
    "domain": "all.example",
    "status": "catch-all",
    "delivered": 1001,
    "bounced": 0,
    "threshold": 1000,
    "reason": "more_than_threshold_delivered",
}


class Node:
    """The routes of a query node over counters in memory."""

    def __init__(self, errors: Mapping[str, RetriableError] | None = None) -> None:
        self.reader = InMemoryCounterReader(COUNTERS, errors)
        self.registry = CollectorRegistry()
        metrics = QueryMetrics(self.registry)
        self.clock = Clock()
        self.cache = ReadThroughCache(self.reader, 1000, self.clock, metrics)
        handlers = Handlers(self.cache, metrics)
        self.app = build_application(
            handlers.routes(), instrumentation=HttpInstrumentation(self.registry)
        )


async def test_a_domain_is_answered_with_its_counts_and_their_meaning() -> None:
    """The answer has exactly the promised fields."""
    response = await ask(Node().app, "GET", "/domains/all.example")
    assert (response.status, response.content_type) == (200, "application/json")
    assert json_of(response) == ALL


@pytest.mark.parametrize(
    ("domain", "status", "reason"),
    [
        ("edge.example", "unknown", "not_enough_data"),
        ("not.example", "not catch-all", "bounced"),
        ("never-seen.example", "unknown", "not_enough_data"),
    ],
)
async def test_the_status_follows_the_counts(domain: str, status: str, reason: str) -> None:
    """Each status has its reason; a domain without events is unknown."""
    answer = json_of(await ask(Node().app, "GET", f"/domains/{domain}"))
    assert (answer["status"], answer["reason"]) == (status, reason)


async def test_any_spelling_finds_the_domain() -> None:
    """The answer has the canonical spelling."""
    answer = json_of(await ask(Node().app, "GET", "/domains/B%C3%BCcher.EXAMPLE."))
    assert (answer["domain"], answer["delivered"]) == ("xn--bcher-kva.example", 7)


async def test_an_invalid_name_is_refused_without_a_read() -> None:
    """The refusal is counted by its code."""
    node = Node()
    response = await ask(node.app, "GET", "/domains/localhost")
    assert (response.status, json_of(response)["code"]) == (400, "single_label")
    assert node.reader.reads == []
    assert counted_with(node.registry, "single_label") == {REQUESTS: 1}


async def test_a_failing_store_is_not_unknown() -> None:
    """Without counters there is no status, only a 503."""
    node = Node({"all.example": StoreUnavailableError("no answer")})
    response = await ask(node.app, "GET", "/domains/all.example")
    assert (response.status, json_of(response)["code"]) == (503, "store_unavailable")
    assert response.headers["Retry-After"]
    assert counted_with(node.registry, "store_unavailable") == {REQUESTS: 1}


async def test_bulk_answers_are_in_the_order_of_the_request() -> None:
    """Each name has a separate answer or error, in its place."""
    node = Node({"not.example": StoreUnavailableError("no answer")})
    names = ["never.example", "ALL.example", "localhost", "not.example", "all.example."]
    body = json.dumps({"domains": names}).encode()
    response = await ask(node.app, "POST", "/domains", body, JSON)
    never, upper, bad, failed, dotted = json_of(response)["results"]
    assert response.status == 200
    assert (never["domain"], never["status"]) == ("never.example", "unknown")
    assert upper == dotted == ALL
    assert (bad["domain"], bad["error"]["code"]) == ("localhost", "single_label")
    assert failed == {
        "domain": "not.example",
        "error": {"code": "store_unavailable", "detail": "no answer"},
    }
    for code in ("single_label", "store_unavailable"):
        assert counted_with(node.registry, code) == {"catchall_query_rejected_domains_total": 1}


async def test_a_domain_requested_twice_is_read_once() -> None:
    """All spellings of a domain share the read."""
    node = Node()
    body = json.dumps({"domains": ["all.example", "ALL.example", "all.example."]}).encode()
    assert len(json_of(await ask(node.app, "POST", "/domains", body, JSON))["results"]) == 3
    assert node.reader.reads == ["all.example"]


async def test_an_invalid_name_is_returned_escaped_and_cut() -> None:
    """An answer has at most 80 characters of a refused name."""
    body = json.dumps({"domains": ["\x1b" + "ü" * 300]}).encode()
    (result,) = json_of(await ask(Node().app, "POST", "/domains", body, JSON))["results"]
    assert len(result["domain"]) <= 80
    assert result["domain"].isascii()
    assert result["domain"].isprintable()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"domains": []}', 400, "no_domains"),
        (b"{}", 400, "malformed_json"),
        (b"", 400, "malformed_json"),
        (b"[", 400, "malformed_json"),
        (b'["a.example"]', 400, "malformed_json"),
        (b'{"domains": "a.example"}', 400, "malformed_json"),
        (b'{"domains": [1]}', 400, "malformed_json"),
        (b'{"domains": ["a.example"], "more": 1}', 400, "malformed_json"),
        (b'{"domains": ["\xff"]}', 400, "malformed_json"),
        (b'{"domains": ["a.example"], "domains": []}', 400, "duplicate_field"),
        (b'{"domains": ["a.example"], "d\\u006fmains": []}', 400, "duplicate_field"),
        (json.dumps({"domains": ["a.example"] * 1001}).encode(), 413, "too_many_domains"),
        (b" " * (1024 * 1024 + 1), 413, "body_too_large"),
    ],
)
async def test_a_malformed_body_is_refused(body: bytes, status: int, code: str) -> None:
    """Nothing is read for a body that does not name 1 to 1,000 domains."""
    node = Node()
    response = await ask(node.app, "POST", "/domains", body, JSON)
    assert (response.status, json_of(response)["code"]) == (status, code)
    assert node.reader.reads == []


async def test_a_thousand_names_are_answered() -> None:
    """The limit itself is accepted."""
    names = [f"d{number}.example" for number in range(1000)]
    body = json.dumps({"domains": names}).encode()
    results = json_of(await ask(Node().app, "POST", "/domains", body, JSON))["results"]
    assert [result["domain"] for result in results] == names


async def test_a_body_may_be_compressed_and_begin_with_a_byte_order_mark() -> None:
    """It gets the answer of the plain body, also where a name looks like the field."""
    body = b'\xef\xbb\xbf{"domains": ["domains", "all.example"]}'
    headers = {**JSON, "Content-Encoding": "gzip"}
    packed = await ask(Node().app, "POST", "/domains", gzip.compress(body), headers)
    results = json_of(packed)["results"]
    assert results[0]["error"]["code"] == "single_label"
    assert results[1] == ALL
    bomb = gzip.compress(b" " * (1024 * 1024 + 1))
    assert (await ask(Node().app, "POST", "/domains", bomb, headers)).status == 413


async def test_another_content_type_is_refused() -> None:
    """Only application/json is accepted, with any parameters."""
    node = Node()
    body = b'{"domains": ["a.example"]}'
    response = await ask(node.app, "POST", "/domains", body, {"Content-Type": "text/plain"})
    assert (response.status, json_of(response)["code"]) == (415, "unsupported_media_type")
    assert response.headers["Accept-Post"] == "application/json"
    utf8 = {"Content-Type": "application/json; charset=utf-8"}
    assert (await ask(node.app, "POST", "/domains", body, utf8)).status == 200
