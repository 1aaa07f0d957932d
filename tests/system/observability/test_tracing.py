"""A request can be followed from its sender to the counter."""

import asyncio
from collections.abc import Mapping

import pytest

from tests.tiers.collector import open_collector
from tests.tiers.stack import Stack
from tests.waiting import until

TRACE = "0af7651916cd43dd8448eb211c80319c"
SENDER = "b7ad6b7169203331"
ON = {"traceparent": f"00-{TRACE}-{SENDER}-01"}
OFF = {"traceparent": f"00-{'1' * 32}-{SENDER}-00"}


async def test_the_node_and_the_worker_send_spans_of_a_traced_put(
    server_environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One trace with the request, the record's processing and the write; no other request."""
    folder = tmp_path_factory.mktemp("tracing")
    async with (
        Stack("tracing", folder, server_environment) as stack,
        open_collector(stack.host, 19_900) as collector,
    ):
        environment = {
            "TRACING_ENDPOINT": collector.url,
            "TRACING_SAMPLE_RATIO": "0",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        ingest, _ = await asyncio.gather(stack.ingest(**environment), stack.worker(**environment))
        for headers in (OFF, {}, ON):
            url = f"{ingest.url}/events/traced.example.com/delivered"
            async with stack.http.put(url, headers=headers) as answer:
                assert answer.status == 202
        await until(lambda: len(collector.spans) >= 3)
        for tier in stack.started:
            assert await tier.stop() == 0

    found = {(span.service, span.name): span for span in collector.spans}
    request = found["catchall-ingest", "PUT /events/{domain}/delivered"]
    process = found["catchall-worker", f"process {stack.name}-events"]
    write = found["catchall-worker", "write counters"]
    assert len(collector.spans) == 3
    assert {span.trace for span in collector.spans} == {TRACE}
    assert (request.parent, process.parent, write.parent) == (SENDER, request.span, process.span)


async def test_a_missing_collector_affects_no_request(guests: Stack) -> None:
    """Spans are dropped; events are accepted, and the node ends with status 0."""
    environment = {
        "TRACING_ENDPOINT": f"http://{guests.host}:19901/v1/traces",
        "TRACING_SAMPLE_RATIO": "1",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    ingest = await guests.ingest(**environment)
    url = f"{ingest.url}/events/traced.example.com/delivered"
    for _ in range(20):
        async with guests.http.put(url) as answer:
            assert answer.status == 202
    assert await ingest.stop() == 0
