"""The responses to mail providers, and when they are sent."""

import gzip
from typing import Any

import pytest

from ingest.adapters.ses import Ses
from ingest.webhooks.config import WebhookSettings
from shared.config import EnvironmentReader
from shared.errors import BrokerUnavailableError, ConfigError
from tests.clients.webhooks import providers
from tests.clients.webhooks.providers import PROVIDERS, SENDERS, samples
from tests.fakes.requests import json_of
from tests.unit.ingest.webhooks.webhook_node import NOW, Node, mailgun


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


async def test_a_compressed_request_is_read(node: Node) -> None:
    """The signature is that of the plain body."""
    body, headers = SENDERS["sendgrid"](samples("sendgrid")[0].body, NOW)
    sent = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
    assert (await node.send("sendgrid", sent)).status == 200
    assert len(node.stored()) == 2


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
    """By one request to SNS; 503 where it fails, so that SNS tries again."""
    pinned = providers.certificate_pem()
    node.adapters["ses"] = Ses([providers.TOPIC], 3600.0, confirm=True, pinned=pinned)
    url = "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=k"
    fields: Any = {"Type": "SubscriptionConfirmation", "Token": "k", "SubscribeURL": url}
    sent = providers.send_ses("", NOW, **fields)
    node.reachable = False
    response = await node.send("ses", sent)
    assert (response.status, json_of(response)["code"]) == (503, "subscription_unconfirmed")
    node.reachable = True
    assert (await node.send("ses", sent)).status == 200
    assert node.requested == [url, url]


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
