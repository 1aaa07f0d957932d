"""The domains of row 13 before its load."""

import json

from shared.model.partitioning import bucket_of
from tests.tools.bench.comparison.population import bodies, preloaded
from tests.tools.load.streams.wide_stream import WideStream

DOMAINS, BUCKETS, PARTITIONS = 2_000, 16, 4
STREAM = WideStream(7, DOMAINS)


def test_every_domain_is_counted_as_the_comparison_expects() -> None:
    """All lines of all requests add up to the counts from before."""
    counts: dict[str, dict[str, int]] = {}
    for lines, body in bodies(STREAM, DOMAINS, BUCKETS, PARTITIONS, lines=300):
        sent = [json.loads(line) for line in body.splitlines()]
        assert len(sent) == lines <= 300
        for event in sent:
            kinds = counts.setdefault(event["domain"], {"delivered": 0, "bounced": 0})
            kinds[event["event"]] += event.get("count", 1)
    assert counts == {
        STREAM.name(number): dict(
            zip(("delivered", "bounced"), preloaded(STREAM, number), strict=True)
        )
        for number in range(DOMAINS)
    }


def test_a_bucket_is_sent_as_a_whole_and_the_partitions_take_turns() -> None:
    """So a worker writes it once, and no partition waits for another."""
    names = [
        json.loads(line)["domain"]
        for _, body in bodies(STREAM, DOMAINS, BUCKETS, PARTITIONS, lines=300)
        for line in body.splitlines()
    ]
    buckets = list(dict.fromkeys(bucket_of(name, BUCKETS) for name in names))
    in_order = [bucket_of(name, BUCKETS) for name in names]
    assert in_order == sorted(in_order, key=buckets.index)
    assert [bucket * PARTITIONS // BUCKETS for bucket in buckets] == [0, 1, 2, 3] * 4


def test_some_domains_are_about_to_change_their_status() -> None:
    """About one of 10,000 deliveries makes a domain catch-all; none is one yet."""
    counts = [preloaded(STREAM, number) for number in range(DOMAINS * 10)]
    assert {bounced for _, bounced in counts} == {0, 1}
    assert min(delivered for delivered, _ in counts) == 1
    assert sum(delivered == 1_000 for delivered, _ in counts) == 2
    assert max(delivered for delivered, _ in counts) == 1_000
