"""The spans that a worker records for traced events."""

import pytest

from consumer.traces import MAX_OPEN, MAX_SECONDS, PartitionTraces
from shared.model.domain import DomainName
from tests.fakes.clock import Clock
from tests.fakes.group_topic import StoredRecord
from tests.fakes.spans import SENDER, TRACE, TRACEPARENT, ListedSpans, id_of, parent_of, trace_of

OTHER = TRACEPARENT.replace("0af7", "1111")


class World:
    """The traces of one partition."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.spans = ListedSpans()
        self.traces = PartitionTraces(self.spans, "events", 3, self.clock)

    def read(self, offset: int, domain: str, traceparent: str | None = TRACEPARENT) -> None:
        """Read one record."""
        headers = [] if traceparent is None else [("traceparent", traceparent.encode())]
        record = StoredRecord(offset, domain.encode(), b"", 0, [("other", b""), *headers])
        self.traces.start_spans([record], 0)

    def names(self) -> list[str]:
        """Return the names of the ended spans."""
        return [span.name for span in self.spans.ended]


@pytest.fixture
def world() -> World:
    """A partition without records."""
    return World()


def below(**offsets: int) -> dict[DomainName, int]:
    """Return the end offsets of a write for ``a.example`` and others."""
    return {DomainName(f"{name}.example"): offset for name, offset in offsets.items()}


def test_the_span_of_an_event_ends_when_it_is_counted(world: World) -> None:
    """Its parent is the record's span, and the write is its child."""
    world.read(7, "a.example")
    world.read(8, "b.example", None)
    with world.traces.trace_write(below(a=8, b=9)):
        assert world.names() == []

    write, process = world.spans.ended
    assert (process.name, trace_of(process), parent_of(process)) == (
        "process events",
        TRACE,
        SENDER,
    )
    assert process.attributes is not None
    assert process.attributes["messaging.kafka.offset"] == 7
    assert (write.name, trace_of(write), parent_of(write)) == (
        "write counters",
        TRACE,
        id_of(process),
    )


def test_a_write_for_several_traces_is_a_child_of_one_and_linked_to_the_others(
    world: World,
) -> None:
    """A span has one parent only."""
    world.read(7, "a.example")
    world.read(8, "b.example", OTHER)
    with world.traces.trace_write(below(a=8, b=9)):
        pass

    write, *processes = world.spans.ended
    assert [link.context.span_id for link in write.links] == [
        process.context.span_id for process in processes[1:] if process.context
    ]
    assert len(processes) == 2


def test_a_failed_write_and_its_successor_both_have_spans(world: World) -> None:
    """The span of the event stays open until it is counted."""
    world.read(7, "a.example")
    with pytest.raises(RuntimeError), world.traces.trace_write(below(a=8)):
        raise RuntimeError
    assert world.names() == ["write counters"]
    with world.traces.trace_write(below(a=8)):
        pass
    assert world.names() == ["write counters", "write counters", "process events"]


def test_a_write_that_started_before_the_event_does_not_end_its_span(world: World) -> None:
    """The offset shows which events an update contains."""
    world.read(7, "a.example")
    with world.traces.trace_write(below(a=7)):
        pass
    assert world.names() == []


def test_spans_of_uncounted_events_end_too(world: World) -> None:
    """Those of duplicates end after a while, and all of them at a revocation."""
    world.read(7, "a.example")
    world.clock.now += MAX_SECONDS + 1
    world.read(8, "b.example")
    assert world.names() == ["process events"]
    world.traces.end_all()
    assert world.names() == ["process events"] * 2


def test_memory_is_bounded(world: World) -> None:
    """Over the limit no span starts, nor for a record that is read again."""
    for number in range(MAX_OPEN + 5):
        world.read(number, f"d{number}.example")
    world.traces.start_spans([StoredRecord(3, b"x.example", b"", 0, [("traceparent", b"")])], 4)
    world.traces.end_all()
    assert len(world.spans.ended) == MAX_OPEN
