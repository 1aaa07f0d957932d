"""The responses of an ingest node, and when they are sent."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from multidict import CIMultiDict
from prometheus_client import CollectorRegistry

from ingest.admission import Admission
from ingest.handlers import Handlers
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher
from shared.errors import BrokerUnavailableError, OutcomeUnknownError
from shared.http.application import build_application
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from shared.model.partitioning import DEFAULT_BUCKETS
from tests.fakes.requests import ask, json_of
from tests.fakes.topic import InMemoryTopic
from tests.unit.samples import counted_with

NDJSON = {"Content-Type": "application/x-ndjson"}
GOOD = b'{"domain": "a.example", "event": "delivered"}\n'
A = DomainName("a.example")


class Node:
    """The routes of an ingest node over a topic in memory."""

    def __init__(self) -> None:
        self.topic = InMemoryTopic()
        self.registry = CollectorRegistry()
        self.admission = Admission(max_events=10, max_bytes=10_000)
        metrics = IngestMetrics(self.registry, self.admission)
        self.publisher = Publisher(
            self.topic,
            metrics,
            buckets=DEFAULT_BUCKETS,
            max_batch_age_seconds=2.0,
            clock=asyncio.get_running_loop().time,
        )
        self.app = build_application(
            Handlers(self.publisher, self.admission, metrics, body_seconds=1.0).routes(),
            instrumentation=HttpInstrumentation(self.registry),
        )

    def stored(self) -> list[Event]:
        """Return the stored events."""
        return self.topic.events()


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    """Run a node during the test."""
    node = Node()
    running = asyncio.create_task(node.publisher.run())
    yield node
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


@pytest.mark.parametrize("kind", EventKind)
async def test_an_event_is_accepted_once_it_is_stored(node: Node, kind: EventKind) -> None:
    """202 without a body, for both kinds; the stored domain has its canonical spelling."""
    response = await ask(node.app, "PUT", f"/events/A.EXAMPLE./{kind}")
    assert (response.status, response.body) == (202, None)
    assert node.stored() == [Event(A, kind)]


async def test_an_idempotency_key_is_stored_with_its_event(node: Node) -> None:
    """The worker recognises a duplicate by it."""
    await ask(node.app, "PUT", "/events/a.example/bounced", None, {"Idempotency-Key": "k-1"})
    assert node.stored() == [Event(A, EventKind.BOUNCED, 1, "k-1")]


async def test_two_idempotency_keys_are_refused(node: Node) -> None:
    """One of them would be ignored, in silence."""
    headers = CIMultiDict([("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
    response = await ask(node.app, "PUT", "/events/a.example/bounced", None, headers)
    assert (response.status, json_of(response)["code"]) == (400, "repeated_field")
    assert node.topic.appends == []


@pytest.mark.parametrize(
    ("target", "headers", "code"),
    [
        ("/events/localhost/delivered", {}, "single_label"),
        ("/events//delivered", {}, "empty_domain"),
        ("/events/a.example/delivered", {"Idempotency-Key": "k" * 256}, "invalid_key"),
        ("/events/a.example/delivered", {"Idempotency-Key": ""}, "invalid_key"),
    ],
)
async def test_a_bad_event_is_refused_and_not_sent(
    node: Node, target: str, headers: dict[str, str], code: str
) -> None:
    """400 with a problem code, which is counted once; nothing is sent to the topic."""
    response = await ask(node.app, "PUT", target, None, headers)
    assert (response.status, json_of(response)["code"]) == (400, code)
    assert node.topic.appends == []
    assert counted_with(node.registry, code) == {"http_server_request_duration_seconds_count": 1}


async def test_a_small_body_is_ignored_and_a_large_one_refused(node: Node) -> None:
    """A PUT may have a body of 4 KiB, but no more."""
    small = await ask(node.app, "PUT", "/events/a.example/delivered", b"x" * 4096)
    large = await ask(node.app, "PUT", "/events/a.example/delivered", b"x" * 4097)
    assert (small.status, large.status) == (202, 413)
    assert len(node.stored()) == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BrokerUnavailableError("refused"), "broker_unavailable"),
        (OutcomeUnknownError("no answer"), "outcome_unknown"),
    ],
)
async def test_an_event_that_may_be_lost_is_not_accepted(
    node: Node, error: BrokerUnavailableError | OutcomeUnknownError, code: str
) -> None:
    """503 with the reason and ``Retry-After``."""
    node.topic.fail(error)
    response = await ask(node.app, "PUT", "/events/a.example/delivered")
    assert (response.status, json_of(response)["code"]) == (503, code)
    assert response.headers["Retry-After"]


async def test_a_full_node_refuses_at_once_and_has_room_again(node: Node) -> None:
    """At its limit of events in flight it answers 503 at once; answered requests free room."""
    node.topic.hold()
    waiting = [
        asyncio.create_task(ask(node.app, "PUT", "/events/a.example/delivered")) for _ in range(10)
    ]
    await asyncio.sleep(0)
    response = await ask(node.app, "PUT", "/events/a.example/delivered")
    assert (response.status, json_of(response)["code"]) == (503, "node_full")
    node.topic.release()
    assert {(await answer).status for answer in waiting} == {202}
    assert (node.admission.events, node.admission.bytes) == (0, 0)
    assert (await ask(node.app, "PUT", "/events/a.example/delivered")).status == 202
    assert sum(event.count for event in node.stored()) == 11


async def test_every_event_is_counted_by_its_outcome(node: Node) -> None:
    """Acknowledged or failed, by PUT and by line."""
    await ask(node.app, "PUT", "/events/a.example/delivered")
    await ask(node.app, "POST", "/events", GOOD * 3, NDJSON)
    node.topic.fail(OutcomeUnknownError("no answer"), OutcomeUnknownError("no answer"))
    await ask(node.app, "PUT", "/events/a.example/delivered")
    await ask(node.app, "POST", "/events", GOOD * 5, NDJSON)
    for outcome, number in (("acknowledged", 4), ("failed", 6)):
        name = "catchall_ingest_events_total"
        assert node.registry.get_sample_value(name, {"outcome": outcome}) == number


@pytest.mark.parametrize("compressed", [False, True])
async def test_valid_lines_are_accepted_next_to_invalid_ones(node: Node, compressed: bool) -> None:  # noqa: FBT001 a parameter
    """Valid lines are stored; invalid ones are returned with number, code and detail."""
    body = GOOD + b"nonsense\n\n" + GOOD
    headers = {**NDJSON, "Content-Encoding": "gzip"} if compressed else NDJSON
    sent = gzip.compress(body) if compressed else body
    response = await ask(node.app, "POST", "/events", sent, headers)
    assert (response.status, response.content_type) == (202, "application/json")
    answer = json_of(response)
    assert answer["accepted"] == 2
    assert [(r["line"], r["code"]) for r in answer["rejected"]] == [(2, "malformed_json")]
    assert counted_with(node.registry, "malformed_json") == {
        "catchall_ingest_rejected_lines_total": 1
    }
    assert "failed" not in answer
    assert node.stored() == [Event(A, EventKind.DELIVERED, 2)]


async def test_lines_that_could_not_be_stored_are_listed(node: Node) -> None:
    """The 503 has the numbers of exactly the lines to send again."""
    node.topic.fail(OutcomeUnknownError("no answer"))
    response = await ask(node.app, "POST", "/events", b"{}\n" + GOOD + GOOD, NDJSON)
    body = json_of(response)
    assert (response.status, body["code"]) == (503, "outcome_unknown")
    assert (body["accepted"], body["failed"]) == (0, [2, 3])
    assert [r["line"] for r in body["rejected"]] == [1]


@pytest.mark.parametrize("body", [GOOD * 12, GOOD + b" " * 10_000])
async def test_a_request_beyond_the_limit_is_refused_whole(node: Node, body: bytes) -> None:
    """For lines and for bytes: before any line is parsed, and no room stays reserved."""
    response = await ask(node.app, "POST", "/events", body, NDJSON)
    assert (response.status, json_of(response)["code"]) == (503, "node_full")
    assert node.topic.appends == []
    assert (node.admission.events, node.admission.bytes) == (0, 0)
    assert (await ask(node.app, "POST", "/events", GOOD * 10, NDJSON)).status == 202


@pytest.mark.parametrize(
    ("body", "rejected"),
    [
        (b"", []),
        (b"\n \n", []),
        (b"{}\nnonsense", [(1, "invalid_line"), (2, "malformed_json")]),
        (b"[" + GOOD + b"]", [(1, "invalid_line"), (2, "malformed_json")]),
        (GOOD.decode().encode("utf-16"), [(1, "malformed_json"), (2, "malformed_json")]),
    ],
)
async def test_a_request_without_a_valid_line_is_refused(
    node: Node, body: bytes, rejected: list[tuple[int, str]]
) -> None:
    """400 with each rejection, as a 202 has them; it does not wait for the topic."""
    response = await ask(node.app, "POST", "/events", body, NDJSON)
    answer = json_of(response)
    assert (response.status, answer["code"], answer["accepted"]) == (400, "no_events", 0)
    assert [(r["line"], r["code"]) for r in answer["rejected"]] == rejected
    assert node.topic.appends == []


@pytest.mark.parametrize(
    "media_type",
    [
        "application/ndjson",
        "application/jsonl",
        "application/x-jsonlines",
        "text/x-ndjson; charset=utf-8",
    ],
)
async def test_lines_have_several_media_types(node: Node, media_type: str) -> None:
    """None is registered, so each library has its own."""
    response = await ask(node.app, "POST", "/events", GOOD, {"Content-Type": media_type})
    assert (response.status, json_of(response)["accepted"]) == (202, 1)


async def test_events_may_come_as_an_array(node: Node) -> None:
    """As JSON, not as lines."""
    body = b"[" + GOOD + b"," + GOOD + b"]"
    response = await ask(node.app, "POST", "/events", body, {"Content-Type": "application/json"})
    assert (response.status, json_of(response)["accepted"]) == (202, 2)
    assert node.stored() == [Event(A, EventKind.DELIVERED, 2)]


async def test_a_refused_type_comes_with_those_that_are_taken(node: Node) -> None:
    """In ``Accept-Post``."""
    response = await ask(node.app, "POST", "/events", GOOD, {"Content-Type": "text/plain"})
    assert response.status == 415
    assert {"application/x-ndjson", "application/json"} <= set(
        response.headers["Accept-Post"].split(", ")
    )


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (GOOD, {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (GOOD, {"Content-Type": "application/json"}, 400, "malformed_json"),
        (GOOD, {**NDJSON, "Content-Encoding": "br"}, 415, "unsupported_encoding"),
        (GOOD, {**NDJSON, "Content-Encoding": "gzip"}, 400, "malformed_body"),
        (gzip.compress(GOOD)[:-9], {**NDJSON, "Content-Encoding": "gzip"}, 400, "malformed_body"),
        (b"\n" * 5001, NDJSON, 413, "too_many_lines"),
        (b"0", {**NDJSON, "Content-Length": "1048577"}, 413, "body_too_large"),
        (
            gzip.compress(b" " * (1024 * 1024 + 1)),
            {**NDJSON, "Content-Encoding": "gzip"},
            413,
            "body_too_large",
        ),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_whole(
    node: Node, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """Another type or coding, or more than the limits: no part of it is accepted."""
    response = await ask(node.app, "POST", "/events", body, headers)
    assert (response.status, json_of(response)["code"]) == (status, code)
    assert node.topic.appends == []


async def test_the_members_of_a_gzip_file_are_one_body(node: Node) -> None:
    """Files that were compressed separately and joined are read completely (RFC 1952, 2.2)."""
    body = gzip.compress(GOOD) + gzip.compress(GOOD)
    headers = {**NDJSON, "Content-Encoding": "gzip"}
    response = await ask(node.app, "POST", "/events", body, headers)
    assert json.loads(response.body or b"")["accepted"] == 2  # type: ignore[arg-type]
