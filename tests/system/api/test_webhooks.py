"""Mail providers report by their webhooks, and what they prove is counted once."""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.clients.client import Client, Reply
from tests.clients.webhooks import providers
from tests.clients.webhooks.providers import PROVIDERS, SENDERS, Sent, samples
from tests.tiers.stack import Stack, TierProcess


@pytest_asyncio.fixture(scope="module")
async def node(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TierProcess]:
    """An ingest node that takes the webhooks of all providers."""
    settings = providers.environment(tmp_path_factory.mktemp("webhooks"))
    async with stack.guests():
        yield await stack.ingest(**settings)


async def post(client: Client, node: TierProcess, provider: str, sent: Sent) -> Reply:
    """Send a webhook to *node*."""
    body, headers = sent
    url = f"{node.url}/webhooks/{provider}"
    return await client.request("POST", url, data=body, headers=headers)


def of_domain(body: object, domain: str) -> Any:
    """Return *body* with all its recipients in *domain*."""
    text = json.dumps(body)
    return json.loads(text.replace("@a.example", f"@{domain}").replace("@b.example", f"@{domain}"))


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_a_provider_proves_is_counted_once(
    client: Client, node: TierProcess, provider: str
) -> None:
    """Its deliveries and bounces, and nothing else; a retry counts nothing more."""
    domain = f"{provider}.webhook.example.com"
    chosen = {
        sample.about: sample
        for verdict in ("nothing", "delivered", "bounced")
        for sample in [next(each for each in samples(provider) if verdict in each.verdicts)]
    }
    for _ in range(2):
        for sample in chosen.values():
            sent = SENDERS[provider](of_domain(sample.body, domain), time.time())
            reply = await post(client, node, provider, sent)
            assert (reply.status, reply.text) == (200, ""), sample.about
    found = Counter(verdict for sample in chosen.values() for verdict in sample.verdicts)
    answer = await client.wait_for_counts(domain, found["delivered"], found["bounced"])
    assert answer["status"] == "not catch-all"
    # Later: the retries were read behind the events that they repeat.
    await client.report(f"after.{domain}", "delivered")
    await client.wait_for_counts(f"after.{domain}", 1, 0)
    assert await client.counts(domain) == (found["delivered"], found["bounced"])


@pytest.mark.parametrize("provider", ["mailgun", "ses", "sendgrid", "postal"])
async def test_a_forged_or_stale_webhook_counts_nothing(
    client: Client, node: TierProcess, provider: str
) -> None:
    """401, with the way to authenticate."""
    domain = f"{provider}.forged.example.com"
    body = of_domain(samples(provider)[0].body, domain)
    genuine, headers = SENDERS[provider](body, time.time())
    # Mailgun signs no bodies: its token is good for one, whichever comes first.
    before = [(genuine, headers)] * (provider == "mailgun")
    assert [(await post(client, node, provider, sent)).status for sent in before] in ([], [200])
    forged = genuine.replace(b"jo@", b"mary@"), headers
    stale = SENDERS[provider](body, time.time() - 4000)
    for sent, code in ((forged, "unproven_origin"), (stale, "stale_webhook")):
        reply = await post(client, node, provider, sent)
        assert (reply.status, reply.body["code"]) == (401, code)
        assert provider in reply.headers["WWW-Authenticate"]
    await client.report(domain, "bounced")
    await client.wait_for_counts(domain, len(before), 1)


async def test_a_webhook_needs_its_credentials(client: Client, node: TierProcess) -> None:
    """Where the proof is a password."""
    for provider in ("postmark", "sparkpost"):
        reply = await post(client, node, provider, (b"{}", {"Authorization": "Basic bm86bm8="}))
        assert (reply.status, reply.body["code"]) == (401, "unproven_origin")
