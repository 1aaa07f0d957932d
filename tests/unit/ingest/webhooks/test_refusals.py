"""Which webhooks are refused, and what refusals cost the node."""

import asyncio
import gzip
import json
import weakref

import pytest

from ingest.adapters.ses import Ses
from ingest.adapters.webhook import Item, Reading, Webhook
from shared.http.rate_limiter import UNITS_PER_TICK
from shared.model.verdict import Report
from tests.clients.webhooks import providers
from tests.clients.webhooks.providers import PROVIDERS, samples
from tests.fakes.requests import json_of
from tests.unit.ingest.publisher_node import until
from tests.unit.ingest.webhooks.webhook_node import NOW, Node, mailgun


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_forged_request_is_refused_with_the_way_to_authenticate(
    node: Node, provider: str
) -> None:
    """401, and nothing is stored."""
    body = json.dumps(samples(provider)[0].body).encode()
    if provider == "mailgun":
        body, _ = providers.send_mailgun(samples(provider)[0].body, NOW, parent=True)
        body = body.replace(b'"parent-signature": "', b'"parent-signature": "x')
    if provider == "ses":
        body = providers.send_ses(samples(provider)[0].body, NOW)[0].replace(b"mary", b"jane")
    response = await node.send(provider, (body, {}))
    assert (response.status, json_of(response)["code"]) == (401, "unproven_origin")
    assert provider in response.headers["WWW-Authenticate"]
    assert node.topic.appends == []


async def test_a_stale_request_is_refused(node: Node) -> None:
    """401 with its own code: perhaps a clock is wrong."""
    response = await node.send("mailgun", mailgun(now=NOW - 3601))
    assert (response.status, json_of(response)["code"]) == (401, "stale_webhook")


async def test_a_token_of_mailgun_proves_one_body(node: Node) -> None:
    """Its signature does not cover the event."""
    body, headers = mailgun()
    assert (await node.send("mailgun", (body, headers))).status == 200
    changed = body.replace(b'"jo@a.example"', b'"jo@b.example"')
    response = await node.send("mailgun", (changed, headers))
    assert (response.status, json_of(response)["code"]) == (401, "unproven_origin")
    assert [event.domain for event in node.stored()] == ["a.example"]


@pytest.mark.parametrize("provider", ["another", "Mailgun", ""])
async def test_a_provider_that_is_off_is_unknown(node: Node, provider: str) -> None:
    """404, as any path that does not exist."""
    response = await node.send(provider, mailgun())
    assert (response.status, json_of(response)["code"]) == (404, "unknown_path")


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"no json", {}, 400, "malformed_json"),
        (b"no gzip", {"Content-Encoding": "gzip"}, 400, "malformed_body"),
        (b"", {"Content-Encoding": "br"}, 415, "unsupported_encoding"),
        (b"0", {"Content-Length": "1048577"}, 413, "body_too_large"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    node: Node, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """As that of a bulk request; no room stays reserved."""
    response = await node.send("mailgun", (body, headers))
    assert (response.status, json_of(response)["code"]) == (status, code)
    assert node.unproven.bytes == node.admission.bytes == 0


async def test_a_full_node_refuses_webhooks(node: Node) -> None:
    """By its events, or by the bodies that have proven nothing yet; the provider tries again."""
    batch = samples("sendgrid")[0].body * 6
    for sent in (providers.send_sendgrid(batch, NOW), (b" " * 100_001, {})):
        response = await node.send("sendgrid", sent)
        assert (response.status, json_of(response)["code"]) == (503, "node_full")
    assert (node.admission.events, node.admission.bytes, node.unproven.bytes) == (0, 0, 0)
    assert (await node.send("mailgun", mailgun())).status == 200


class Items(list[Item]):
    """A list that can be referenced weakly."""


async def test_a_refusal_that_waits_for_its_turn_keeps_no_reports(node: Node) -> None:
    """They no longer count against the node's bounds, so they must not fill its memory."""
    read: list[weakref.ref[Items]] = []

    class TooMany:
        challenge = ""

        def read(self, _: Webhook) -> Reading:
            items = Items([Item(Report("jo@a.example"), "id")] * 11)
            read.append(weakref.ref(items))
            return Reading(items)

    node.adapters["many"] = TooMany()
    sent = [asyncio.create_task(node.send("many", (b"{}", {}))) for _ in range(UNITS_PER_TICK + 6)]
    await until(lambda: len(read) == len(sent))
    await asyncio.sleep(0)
    waiting = [each for each in sent if not each.done()]
    assert len(waiting) >= 6
    assert [items() for items in read] == [None] * len(sent)
    assert {(await each).status for each in sent} == {503}


@pytest.mark.parametrize(
    ("provider", "body"),
    [
        ("mailgun", b"no json"),
        ("mailgun", b'{"signature": {}}'),
        ("mailgun", b"0" * 1_048_577),
        ("sendgrid", b"[]"),
        ("ses", b""),
    ],
    ids=["no JSON", "another form", "too large", "forged", "without a certificate"],
)
async def test_all_refusals_wait_for_their_turn(node: Node, provider: str, body: bytes) -> None:
    """Whatever is wrong with a request, its sender must not take the time of others."""
    node.adapters["ses"] = Ses([providers.TOPIC], 3600.0)
    node.reachable = False
    sent = (body, {}) if body else providers.send_ses(samples("ses")[1].body, NOW)
    tasks = [asyncio.create_task(node.send(provider, sent)) for _ in range(UNITS_PER_TICK + 6)]
    await until(lambda: any(task.done() for task in tasks))
    assert len([task for task in tasks if not task.done()]) >= 6
    assert {(await task).status >= 400 for task in tasks} == {True}


async def test_an_inflated_body_takes_room(node: Node) -> None:
    """A small request must not fill the memory."""
    sent = gzip.compress(b" " * 100_001), {"Content-Encoding": "gzip"}
    response = await node.send("sendgrid", sent)
    assert (response.status, json_of(response)["code"]) == (503, "node_full")
    assert (node.admission.bytes, node.unproven.bytes) == (0, 0)
