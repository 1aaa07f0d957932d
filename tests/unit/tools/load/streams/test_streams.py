"""The profiles as numbers."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import islice

import pytest

from tests.tools.load.streams.event import Event, Kind
from tests.tools.load.streams.stream import Stream, code_of, kind_of
from tests.tools.load.streams.waves_stream import WavesStream
from tests.tools.load.streams.wide_stream import WideStream
from tests.unit.tools.load.streams.one_by_one import waves

SEED = 11
STREAMS: dict[str, Callable[[], Stream]] = {
    "waves": lambda: WavesStream(SEED),
    "uniform": lambda: WideStream(SEED, 10_000_000),
    "zipf": lambda: WideStream(SEED, 10_000, 1.2),
}


@pytest.fixture(params=STREAMS)
def make(request: pytest.FixtureRequest) -> Callable[[], Stream]:
    """Opens a stream of each profile."""
    return STREAMS[request.param]


def test_waves_are_the_generator_event_by_event() -> None:
    """Repeated rounds equal rounds computed one by one."""
    events = list(islice(waves(SEED), 200_000))
    stream = WavesStream(SEED)
    taken = [code for size in (1, 999, 50_000, 149_000) for code in stream.take(size)]
    assert taken == [code_of(event.number, event.kind) for event in events]
    assert all(stream.name(event.number) == event.name for event in events[::100])


def test_a_name_is_known_before_its_domain_occurs() -> None:
    """Names follow from the seed, and reading one changes no event."""
    asked, other = WavesStream(SEED), WavesStream(SEED)
    name = asked.name(500)
    assert asked.take(700_000) == other.take(700_000)
    assert other.name(500) == name


@pytest.mark.parametrize("share", [0.0, 0.003, 0.25, 1.0])
def test_the_bounce_share_is_that_of_the_options(share: float) -> None:
    """A domain that bounces does so at about half of its events, all others never."""
    stream = WideStream(SEED, 1_000, bounce_share=share)
    kinds: dict[int, Counter[Kind]] = {}
    for code in stream.take(100_000):
        kinds.setdefault(code // 2, Counter())[kind_of(code)] += 1
    bouncing = [seen for seen in kinds.values() if seen[Kind.BOUNCED]]
    assert len(bouncing) == round(share * 1_000)
    assert all(seen[Kind.DELIVERED] for seen in bouncing)


def test_skipping_equals_taking(make: Callable[[], Stream]) -> None:
    """Taking and skipping alternately gives the same events as taking all."""
    parts = [700, 1, 4_999, 500, 20, 3_000]
    stream, whole = make(), make().take(sum(parts))
    position = 0
    for number, part in enumerate(parts):
        if number % 2:
            assert stream.take(part) == whole[position : position + part]
        else:
            stream.skip(part)
        position += part


def test_lines_and_paths_match_the_code(make: Callable[[], Stream]) -> None:
    """A bulk line and a PUT's path have the domain and the kind."""
    stream = make()
    codes = stream.take(3_000)
    lines = [json.loads(line) for line in stream.lines(codes).splitlines()]
    named = [Event(code // 2, stream.name(code // 2), kind_of(code)) for code in codes]
    assert lines == [{"domain": event.name, "event": event.kind} for event in named]
    assert [stream.path(code).decode() for code in codes[:200]] == [
        f"{event.name}/{event.kind}" for event in named[:200]
    ]
