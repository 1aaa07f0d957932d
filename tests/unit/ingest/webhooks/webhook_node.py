"""A node that takes webhooks of all providers."""

import asyncio

from aiohttp import web
from prometheus_client import CollectorRegistry

from ingest.adapters.used_tokens import UsedTokens
from ingest.admission import Admission
from ingest.metrics import IngestMetrics
from ingest.publisher import Publisher
from ingest.webhooks.config import WebhookSettings
from ingest.webhooks.handler import WebhookHandler
from shared.errors import CertificateUnavailableError, SubscriptionUnconfirmedError
from shared.http.application import build_application
from shared.model.event import Event
from shared.model.partitioning import DEFAULT_BUCKETS
from tests.clients.webhooks import providers
from tests.clients.webhooks.providers import Sent, samples
from tests.fakes.requests import ask
from tests.fakes.topic import InMemoryTopic

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
            read_certificate=self._read_certificate,
            confirm=self._confirm,
            body_seconds=1.0,
            clock=lambda: NOW,
        )
        self.app = build_application([handler.route()])

    async def _read_certificate(self, url: str) -> bytes:
        self.requested.append(url)
        if not self.reachable:
            raise CertificateUnavailableError
        return providers.certificate_pem()

    async def _confirm(self, url: str) -> None:
        self.requested.append(url)
        if not self.reachable:
            raise SubscriptionUnconfirmedError

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


def mailgun(about: str = "delivered", now: float = NOW) -> Sent:
    """Return a request of Mailgun."""
    (body,) = (each.body for each in samples("mailgun") if each.about == about)
    return providers.send_mailgun(body, now)
