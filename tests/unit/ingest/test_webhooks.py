"""The responses to mail providers, and when they are sent."""

import asyncio
import gzip
import json
import weakref
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from ingest.adapters.ses import Ses
from ingest.adapters.used_tokens import UsedTokens
from ingest.adapters.webhook import Item, Reading, Webhook
from ingest.admission import Admission
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher
from ingest.webhooks.config import WebhookSettings
from ingest.webhooks.handler import WebhookHandler
from shared.config import EnvironmentReader
from shared.errors import BrokerUnavailableError, CertificateUnavailableError, ConfigError
from shared.http.application import build_application
from shared.http.rate_limiter import UNITS_PER_TICK
from shared.model.event import Event
from shared.model.partitioning import DEFAULT_BUCKETS
from shared.model.verdict import Report
from tests.clients.webhooks import providers
from tests.clients.webhooks.providers import PROVIDERS, SENDERS, Sent, samples
from tests.fakes.requests import ask, json_of
from tests.fakes.topic import InMemoryTopic
from tests.unit.ingest.publisher_node import until

NOW = 1_790_146_500.0


class Node:
    """The route of webhooks over a topic in memory."""

    def __init__(self) -> None:
        self.topic = InMemoryTopic()
        self.registry = CollectorRegistry()
        self.admission = Admission(max_events=10, max_bytes=100_000)
        self.unproven = Admission(max_events=1, max_bytes=100_000)
        self.metrics = IngestMetrics(self.registry, self.admission)
        self.publisher = Publisher(
            self.topic,
            self.metrics,
            buckets=DEFAULT_BUCKETS,
            max_batch_age_seconds=2.0,
            clock=asyncio.get_running_loop().time,
        )
        self.adapters = WebhookSettings().adapters
        self.requested: list[str] = []
        self.reachable = True
        handler = WebhookHandler(
            self.adapters,
            self.publisher,
            self.admission,
            self.metrics,
            unproven=self.unproven,
            tokens=UsedTokens(3600.0),
            read_certificate=self._request,
            confirm=self._request,
            body_seconds=1.0,
            clock=lambda: NOW,
        )
        self.app = build_application([handler.route()])

    async def _request(self, url: str) -> bytes:
        self.requested.append(url)
        if not self.reachable:
            raise CertificateUnavailableError
        return providers.certificate_pem()

    async def send(self, provider: str, sent: Sent, **headers: str) -> web.Response:
        """Send a request as *provider* does."""
        body, own = sent
        return await ask(self.app, "POST", f"/webhooks/{provider}", body, {**own, **headers})

    def stored(self) -> list[Event]:
        """Return the stored events."""
        return self.topic.events()

    def total(self, name: str, **labels: str) -> float | None:
        """Return the value of a counter."""
        return self.registry.get_sample_value(f"catchall_ingest_{name}_total", labels)


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    """Run a node with all providers during the test."""
    for name, value in providers.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    node = Node()
    running = asyncio.create_task(node.publisher.run())
    yield node
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


def mailgun(about: str = "delivered", now: float = NOW) -> Sent:
    """Return a request of Mailgun."""
    (body,) = (each.body for each in samples("mailgun") if each.about == about)
    return providers.send_mailgun(body, now)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_the_events_of_each_provider_are_stored(node: Node, provider: str) -> None:
    """200 once Kafka has them; each has a key."""
    expected = []
    for sample in samples(provider)[:3]:
        expected += [verdict for verdict in sample.verdicts if verdict != "nothing"]
        response = await node.send(provider, SENDERS[provider](sample.body, NOW))
        assert (response.status, response.body) == (200, None)
    assert sorted(event.kind for event in node.stored()) == sorted(expected)
    assert all(event.idempotency_key for event in node.stored())
    assert node.total("events", outcome="acknowledged") == len(expected)
    assert node.total("webhook_reports", provider=provider, verdict=expected[0])


async def test_a_report_that_proves_nothing_is_accepted_and_not_stored(node: Node) -> None:
    """Else the provider would repeat it."""
    response = await node.send("mailgun", mailgun("failed: the box is full"))
    assert (response.status, node.topic.appends) == (200, [])
    assert node.total("webhook_reports", provider="mailgun", verdict="nothing") == 1


async def test_what_kafka_cannot_store_is_repeated_by_the_provider(node: Node) -> None:
    """503; the same request is accepted later."""
    sent = mailgun()
    node.topic.fail(BrokerUnavailableError("refused"))
    response = await node.send("mailgun", sent)
    assert (response.status, json_of(response)["code"]) == (503, "broker_unavailable")
    assert node.total("events", outcome="failed") == 1
    assert (await node.send("mailgun", sent)).status == 200
    assert len(node.stored()) == 1


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


async def test_a_compressed_request_is_read(node: Node) -> None:
    """The signature is that of the plain body."""
    body, headers = SENDERS["sendgrid"](samples("sendgrid")[0].body, NOW)
    sent = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
    assert (await node.send("sendgrid", sent)).status == 200
    assert len(node.stored()) == 2


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


async def test_the_certificate_of_sns_is_read_when_it_is_first_needed(node: Node) -> None:
    """503 where it cannot be read, so that SNS tries again."""
    node.adapters["ses"] = Ses([providers.TOPIC], 3600.0)
    sent = providers.send_ses(samples("ses")[1].body, NOW)
    node.reachable = False
    response = await node.send("ses", sent)
    assert (response.status, json_of(response)["code"]) == (503, "certificate_unavailable")
    node.reachable = True
    assert [(await node.send("ses", sent)).status for _ in range(2)] == [200, 200]
    assert node.requested == [providers.CERTIFICATE_URL] * 2


async def test_a_subscription_is_confirmed(node: Node) -> None:
    """By one request to SNS."""
    pinned = providers.certificate_pem()
    node.adapters["ses"] = Ses([providers.TOPIC], 3600.0, confirm=True, pinned=pinned)
    url = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=k"
    fields: Any = {"Type": "SubscriptionConfirmation", "Token": "k", "SubscribeURL": url}
    assert (await node.send("ses", providers.send_ses("", NOW, **fields))).status == 200
    assert node.requested == [url]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SENDGRID_PUBLIC_KEY", "no key"),
        ("POSTAL_PUBLIC_KEY", "AAAA"),
        ("SES_TOPICS", "arn:aws:sqs:us-east-1:123456789012:queue"),
        ("POSTMARK_CREDENTIALS", "user"),
        ("SPARKPOST_CREDENTIALS", ":password"),
        ("MAILGUN_SIGNING_KEY", ""),
        ("FRESH_SECONDS", "0"),
    ],
)
def test_a_wrong_setting_is_reported_by_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Not with its value, which may be a secret."""
    monkeypatch.setenv(f"INGEST_WEBHOOK_{name}", value)
    read = EnvironmentReader()
    read(WebhookSettings)
    with pytest.raises(ConfigError) as refused:
        read.check()
    assert f"INGEST_WEBHOOK_{name}" in str(refused.value)


def test_a_provider_without_a_secret_is_off() -> None:
    """By default all are."""
    assert WebhookSettings().adapters == {}
