"""The memory of a known domain: a worker keeps millions."""

import gc
import tracemalloc

from consumer.counting.flush_policy import FlushPolicy
from consumer.counting.ledger import PartitionLedger
from shared.model.domain import DomainName
from shared.model.event import Event, EventKind
from tests.fakes.writers import writers
from tests.unit.consumer.events import RETENTION

DOMAINS = 22_000
"""Just after the tables have grown, when each domain costs most. (With 1,000,000: 222 bytes.)"""
MAX_BYTES = 250


def test_a_domain_takes_at_most_250_bytes_its_name_included() -> None:
    """The domain was read, counted and written, and is idle."""
    tracemalloc.start()
    try:
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        ledger = PartitionLedger("t/0", 0, FlushPolicy(1000, 1.0), writers(), RETENTION)
        for offset in range(DOMAINS):
            name = DomainName(f"mailbox-{offset:07}.example.com")
            ledger.add(Event(name, EventKind.DELIVERED, 1), offset, float(offset))
            ledger.load_rows(ledger.pop_unread(1)[0], [], end_offset=offset + 1, now=float(offset))
            ledger.acknowledge(ledger.start_updates(float(offset), 1), float(offset))
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ledger.known_domains == DOMAINS
    assert (after - before) / DOMAINS <= MAX_BYTES
