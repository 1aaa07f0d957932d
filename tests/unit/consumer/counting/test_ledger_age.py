"""How old counts get when more is owed than the store takes at once."""

import random
from dataclasses import replace

from consumer.counting.ledger import PartitionLedger
from shared.model.domain import DomainName
from tests.unit.consumer.events import RULES, add, bounced, delivered, load_rows, new_ledger

BUCKETS, DOMAINS = 32, 19_200
EVENTS_PER_SECOND, ROWS_PER_SECOND = 200, 64
CHANGES_PER_SECOND = 0.1
WRITE_ROWS, URGENT_ROWS = 256, 32
SECONDS = 900
ROUND_SECONDS = DOMAINS / ROWS_PER_SECOND
"""The time in which every domain can be written once."""


def write(ledger: PartitionLedger, now: float, limit: int, *, urgent_only: bool) -> int:
    """Write the bucket that is due; return how many rows that took."""
    bucket = ledger.pop_due(now, urgent_only=urgent_only)
    if bucket is None:
        return 0
    started = ledger.begin(bucket, limit, now)
    ledger.acknowledge(started, now)
    return len(started.rows)


def test_no_count_is_much_older_than_a_round_of_all_domains() -> None:
    """Though a bucket takes three writes, and changes of status are written in between."""
    chance = random.Random(17)
    domains = [DomainName(f"d{number}.example.com") for number in range(DOMAINS)]
    ledger = new_ledger(rules=replace(RULES, buckets=BUCKETS, threshold=10**6))
    for offset, domain in enumerate(domains):
        add(ledger, delivered(domain), offset)
    load_rows(ledger)
    while write(ledger, 0.0, DOMAINS, urgent_only=False):
        pass
    rows, oldest = 0, 0.0
    for now in range(1, SECONDS):
        for domain in chance.choices(domains, k=EVENTS_PER_SECOND):
            add(ledger, delivered(domain), ledger.next_offset, now)
        if chance.random() < CHANGES_PER_SECOND:
            add(ledger, bounced(chance.choice(domains)), ledger.next_offset, now)
            rows += write(ledger, now, URGENT_ROWS, urgent_only=True)
        while rows < now * ROWS_PER_SECOND:
            rows += write(ledger, now, WRITE_ROWS, urgent_only=False)
        since = ledger.oldest_since()
        assert since is not None
        oldest = max(oldest, now - since)
    assert 0.8 * ROUND_SECONDS < oldest < 1.2 * ROUND_SECONDS
