"""What each provider's webhook proves, and which requests are refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.adapters.webhook import Adapter, Item, Reading, read_events
from ingest.webhooks.config import WebhookSettings
from shared.model.event import Event
from shared.problems import Problem
from tests.clients.webhooks import providers
from tests.clients.webhooks.providers import PROVIDERS, SENDERS, Sample, Sent, samples
from tests.unit.ingest.adapters.readings import HOUR, NOW, first, read, refusal_of

CORPUS = [(provider, sample) for provider in PROVIDERS for sample in samples(provider)]


@pytest.fixture
def adapters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Adapter]:
    """Return an adapter of each provider."""
    for name, value in providers.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return WebhookSettings().adapters


def events_of(provider: str, items: list[Item]) -> list[Event]:
    """Return the events of *items*."""
    return [event for _, event in read_events(provider, items) if event is not None]


@pytest.mark.parametrize(
    ("provider", "sample"), CORPUS, ids=lambda each: getattr(each, "about", each)
)
def test_each_report_counts_as_it_should(
    adapters: dict[str, Adapter], provider: str, sample: Sample
) -> None:
    """The corpus has an example of each rule of each provider."""
    reading = read(adapters[provider], SENDERS[provider](sample.body, NOW))
    assert [verdict for verdict, _ in read_events(provider, reading.items)] == sample.verdicts


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_retry_has_the_same_keys_and_another_event_another(
    adapters: dict[str, Adapter], provider: str
) -> None:
    """So a repeated request counts once, and each report for itself."""
    bodies = [sample.body for sample in samples(provider) if sample.verdicts]
    readings = [read(adapters[provider], SENDERS[provider](body, NOW)) for body in bodies[:2]]
    again = read(adapters[provider], SENDERS[provider](bodies[0], NOW + 600), NOW + 600)
    events = [events_of(provider, reading.items) for reading in readings]
    keys = [event.idempotency_key for part in events for event in part]
    assert events[0] == events_of(provider, again.items)
    assert len(set(keys)) == len(keys)
    assert all(key is not None and key.startswith(f"{provider}-") for key in keys)


def test_keys_differ_by_provider_id_recipient_and_kind(adapters: dict[str, Adapter]) -> None:
    """Two of them alone may be equal in different events."""
    (delivered,) = read(adapters["mailgun"], SENDERS["mailgun"](first("mailgun"), NOW)).items
    (bounced,) = read(
        adapters["mailgun"], SENDERS["mailgun"](samples("mailgun")[1].body, NOW)
    ).items
    other = delivered.report.__class__("mary@a.example", delivered=True)
    variants = [
        ("mailgun", delivered),
        ("mailgun", bounced),
        ("mailgun", Item(other, delivered.id)),
        ("mailgun", Item(delivered.report, "another id")),
        ("postal", delivered),
    ]
    keys = {event.idempotency_key for name, item in variants for event in events_of(name, [item])}
    assert len(keys) == len(variants)


def test_a_recipient_without_a_domain_is_no_event(adapters: dict[str, Adapter]) -> None:
    """Such as an address literal."""
    body = json.loads(json.dumps(first("postmark")).replace("a.example", "[192.0.2.1]"))
    reading = read(adapters["postmark"], SENDERS["postmark"](body, NOW))
    assert list(read_events("postmark", reading.items)) == [("nothing", None)]


def _with_header(sent: Sent, name: str, value: str | None) -> Sent:
    body, headers = sent
    kept = {key: old for key, old in headers.items() if key.lower() != name.lower()}
    return body, kept if value is None else {**kept, name: value}


def _sendgrid(body: Any) -> Sent:
    return providers.send_sendgrid(body, NOW)


FORGED: list[tuple[str, Callable[[], Sent]]] = [
    ("mailgun", lambda: (json.dumps(first("mailgun") | {"signature": {
        "timestamp": str(int(NOW)), "token": "t", "signature": "0" * 64}}).encode(), {})),
    ("mailgun", lambda: (json.dumps(first("mailgun") | {"signature": {
        "timestamp": str(int(NOW)), "token": "t", "signature": ""}}).encode(), {})),
    ("ses", lambda: (providers.send_ses(first("ses"), NOW)[0].replace(b"mary", b"jane"), {})),
    ("ses", lambda: providers.send_ses(first("ses"), NOW, TopicArn=f"{providers.TOPIC}-3")),
    ("ses", lambda: providers.send_ses(first("ses"), NOW, "3")),
    ("ses", lambda: providers.send_ses(first("ses"), NOW, SigningCertURL="https://example.com/x.pem")),
    ("ses", lambda: providers.send_ses(first("ses"), NOW, Timestamp="yesterday")),
    ("ses", lambda: providers.send_ses(first("ses"), NOW, Timestamp="2026-13-01T00:00:00Z")),
    ("sendgrid", lambda: (_sendgrid([])[0] + b" ", _sendgrid([])[1])),
    ("sendgrid", lambda: (_sendgrid(first("sendgrid"))[0], {})),
    ("sendgrid", lambda: _with_header(
        _sendgrid([]), "X-Twilio-Email-Event-Webhook-Timestamp", str(int(NOW) + 1))),
    ("sendgrid", lambda: _with_header(
        _sendgrid([]), "X-Twilio-Email-Event-Webhook-Signature", "no base64!")),
    ("postmark", lambda: _with_header(SENDERS["postmark"](first("postmark"), NOW),
                                      "Authorization", None)),
    ("postmark", lambda: _with_header(SENDERS["postmark"](first("postmark"), NOW),
                                      "Authorization", "Basic aG9va3M6d3Jvbmc=")),
    ("sparkpost", lambda: _with_header(SENDERS["sparkpost"](first("sparkpost"), NOW),
                                       "Authorization", "Bearer wrong")),
    ("postal", lambda: (SENDERS["postal"](first("postal"), NOW)[0] + b" ",
                        SENDERS["postal"](first("postal"), NOW)[1])),
    ("postal", lambda: (SENDERS["postal"](first("postal"), NOW)[0], {})),
    ("postal", lambda: _with_header(SENDERS["postal"](first("postal"), NOW),
                                    "X-Postal-Signature-256", "AAAA")),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "forge"), FORGED)
def test_a_forged_request_is_refused(
    adapters: dict[str, Adapter], provider: str, forge: Callable[[], Sent]
) -> None:
    """Another body, signature, topic, certificate, or other credentials."""
    assert refusal_of(adapters[provider], forge()) is Problem.UNPROVEN_ORIGIN


@pytest.mark.parametrize("provider", ["mailgun", "ses", "sendgrid", "postal"])
def test_a_request_is_accepted_for_an_hour(adapters: dict[str, Adapter], provider: str) -> None:
    """Later, and five minutes before it was signed, it is stale."""
    adapter, sent = adapters[provider], SENDERS[provider](first(provider), NOW)
    assert read(adapter, sent, NOW + HOUR).items
    assert read(adapter, sent, NOW - 300).items
    assert refusal_of(adapter, sent, NOW + HOUR + 1) is Problem.STALE_WEBHOOK
    assert refusal_of(adapter, sent, NOW - 302) is Problem.STALE_WEBHOOK


@pytest.mark.parametrize(
    ("provider", "sent"),
    [
        ("mailgun", (b"{}", {})),
        ("mailgun", (b"no json", {})),
        pytest.param(
            *("mailgun", (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", {})), id="deep"
        ),
        ("mailgun", (b'{"signature": {"timestamp": "soon", "token": "t", "signature": ""}}', {})),
        ("ses", (b"raw delivery has no envelope", {})),
        ("ses", providers.send_ses('{"notificationType": 7}', NOW)),
        ("sendgrid", providers.send_sendgrid({}, NOW)),
        ("sendgrid", providers.send_sendgrid([{"event": 7}], NOW)),
        ("postmark", providers.send_postmark([], NOW)),
        ("sparkpost", providers.send_sparkpost({}, NOW)),
        ("postal", providers.send_postal({"payload": []}, NOW)),
    ],
)
def test_another_form_is_malformed(adapters: dict[str, Adapter], provider: str, sent: Sent) -> None:
    """Where the proof is in the body, also without one."""
    assert refusal_of(adapters[provider], sent) is Problem.MALFORMED_JSON


def test_older_and_other_proofs_are_accepted(adapters: dict[str, Adapter]) -> None:
    """Subaccounts, SHA-1 where the provider still signs with it, and OAuth."""
    for provider, sent in (
        ("mailgun", providers.send_mailgun(first("mailgun"), NOW, parent=True)),
        ("ses", providers.send_ses(first("ses"), NOW, "1")),
        ("ses", providers.send_ses(first("ses"), NOW, Subject="Amazon SES Email Event")),
        ("sparkpost", providers.send_sparkpost(first("sparkpost"), NOW, oauth=True)),
        ("postal", providers.send_postal(first("postal"), NOW, sha1=True)),
    ):
        assert read(adapters[provider], sent).items


def test_a_message_of_ses_in_words_has_no_reports(adapters: dict[str, Adapter]) -> None:
    """SES announces itself to a topic in words."""
    sent = providers.send_ses("Successfully validated SNS topic for Amazon SES.", NOW)
    assert read(adapters["ses"], sent) == Reading()
