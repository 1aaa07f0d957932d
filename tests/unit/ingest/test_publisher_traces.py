"""Which records of a batch carry a trace context."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.trace import use_span

from ingest.event_sums import EventSums
from shared.model.record import decode_events
from tests.fakes.spans import TRACE, TRACEPARENT, ListedSpans
from tests.unit.ingest.publisher_node import BOUNCED, A, B, open_node, until


@contextmanager
def traced(spans: ListedSpans) -> Iterator[None]:
    """Run the block as part of a traced request."""
    span = spans.continue_trace(TRACEPARENT, "request", {})
    assert span is not None
    with use_span(span):
        yield


async def test_the_record_of_a_traced_event_has_its_trace_context() -> None:
    """Added up events form one record, which continues the first trace among them."""
    spans = ListedSpans()
    async with open_node(spans=spans) as node:
        node.topic.hold()
        node.publish(B)
        await until(lambda: len(node.topic.appends) == 1)
        answers = [node.publish(B), node.publish(A)]
        with traced(spans):
            answers.append(node.publish(BOUNCED))
            first = spans.current_traceparent()
        with traced(spans):
            answers += [node.publish(BOUNCED), node.publish(A)]
            second = spans.current_traceparent()
        node.topic.release()
        await asyncio.gather(*answers)

        _, (_, records) = node.topic.appends
        assert [[(e.domain, e.kind) for e in decode_events(*record)] for record in records] == [
            [(A.domain, A.kind)],
            [(B.domain, B.kind)],
            [(BOUNCED.domain, BOUNCED.kind)],
        ]
        assert node.topic.traceparents == [{}, {0: second, 2: first}]
        assert first is not None
        assert first.startswith(f"00-{TRACE}-")


async def test_one_record_per_partition_carries_the_trace_of_a_bulk_request() -> None:
    """Thousands of headers would add nothing."""
    spans = ListedSpans()
    async with open_node(spans=spans) as node:
        sums = EventSums()
        for event in (BOUNCED, A, B):
            sums.count(event)
        with traced(spans):
            answer = node.publisher.publish_sums(0, sums)
            sent = spans.current_traceparent()
        await answer

        assert node.topic.traceparents == [{0: sent}]
