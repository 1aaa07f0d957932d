"""Nodes answer as the examples in the API documents show."""

import pytest

from tests.clients.client import Client
from tests.clients.documented import Json, check, examples_of, operations, send
from tests.tiers.stack import Stack, TierProcess

TIERS = ("ingest", "query")
NOT_BROUGHT_ABOUT = {
    "malformed_request": "test_refusals.py sends it by hand",
    "target_too_long": "test_refusals.py too",
    "head_too_large": "test_refusals.py too",
    "repeated_field": "test_refusals.py too",
    "malformed_body": "where it is not about gzip: unit/shared/http/test_bodies.py",
    "body_too_slow": "test_hostile_clients.py",
    "unproven_origin": "test_webhooks.py",
    "stale_webhook": "test_webhooks.py",
    "certificate_unavailable": "unit/ingest/webhooks/test_webhooks.py",
    "subscription_unconfirmed": "unit/ingest/webhooks/test_webhooks.py",
    "malformed_json": "of a webhook: unit/ingest/webhooks/test_refusals.py",
    "body_too_large": "of a webhook: unit/ingest/webhooks/test_refusals.py",
    "unsupported_encoding": "of a webhook: unit/ingest/webhooks/test_refusals.py",
    "too_many_connections": "contract/test_http_server.py",
    "node_full": "unit/ingest/test_handlers.py, unit/query/test_caching.py",
    "broker_unavailable": "test_frozen_servers.py",
    "outcome_unknown": "test_frozen_servers.py",
    "store_unavailable": "test_frozen_servers.py",
    "not_ready": "test_kafka_outages.py",
    "internal_error": "contract/test_http_server.py",
    "export_ndjson": "test_export.py",
    "export_csv": "test_export.py",
    "too_many_exports": "contract/query/test_export_clients.py",
    "exports_stopping": "contract/query/test_export_clients.py",
    "not_counted_yet": "unit/query/export/test_summary.py",
    "no_ingest_node": "unit/query/pulse/test_ingest_document.py",
}
"""Answers that a healthy node does not give, and the test that covers each."""


def node_of(stack: Stack, tier: str) -> TierProcess:
    """Return the tier's node of the shared stack."""
    return next(node for node in stack.started if node.name.startswith(tier))


async def document_of(client: Client, base: str) -> Json:
    """Return the API document of a port."""
    reply = await client.request("GET", f"{base}/openapi.json")
    assert reply.status == 200, reply.text
    document: Json = reply.body
    return document


@pytest.mark.parametrize("tier", TIERS)
async def test_nodes_answer_as_each_example_shows(client: Client, stack: Stack, tier: str) -> None:
    """Status, headers and body match; the body exactly, unless it depends on counts."""
    node = node_of(stack, tier)
    document = await document_of(client, node.url)
    sent = 0
    for example in examples_of(document):
        if example.request is not None:
            base = node.management if example.on_management else node.url
            check(example, await send(client, base, example), document)
            sent += 1
    assert sent > 20


async def test_examples_without_a_request_are_tested_elsewhere(
    client: Client, stack: Stack
) -> None:
    """The examples without a request are exactly those that are tested elsewhere."""
    without = set()
    for tier in TIERS:
        document = await document_of(client, node_of(stack, tier).url)
        without |= {each.name for each in examples_of(document) if each.request is None}
    assert without == NOT_BROUGHT_ABOUT.keys()


@pytest.mark.parametrize("tier", TIERS)
async def test_both_ports_serve_the_document_and_its_paths_exist(
    client: Client, stack: Stack, tier: str
) -> None:
    """Each path exists at the address that the document of either port gives for it."""
    node = node_of(stack, tier)
    for base in (node.url, node.management):
        document = await document_of(client, base)
        for path, _, _, _ in operations(document):
            (server,) = document["paths"][path].get("servers", document["servers"])
            variables = server.get("variables", {})
            url = server["url"].format(**{name: v["default"] for name, v in variables.items()})
            reply = await client.request(
                "DELETE",
                f"{base if url == '/' else url}"
                f"{path.format(domain='example.com', provider='mailgun')}",
            )
            assert (reply.status, reply.body["code"]) == (405, "method_not_allowed"), path


@pytest.mark.parametrize("tier", TIERS)
async def test_an_unchanged_document_is_304(client: Client, stack: Stack, tier: str) -> None:
    """A request with the current ETag gets 304."""
    url = f"{node_of(stack, tier).url}/openapi.json"
    first = await client.request("GET", url)
    second = await client.request("GET", url, headers={"If-None-Match": first.headers["ETag"]})

    assert (second.status, second.text) == (304, "")
