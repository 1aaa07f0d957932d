"""What a ledger forgets, how little it needs, and how it finds what the store has lost."""

import gc
import tracemalloc
from dataclasses import replace

from consumer.counting.rows.writer_rows import StoredRow
from shared.model.event import EventKind
from tests.unit.consumer.events import (
    RULES,
    THEIRS,
    A,
    B,
    add,
    begin,
    bounced,
    delivered,
    load_rows,
    new_ledger,
    row,
    write,
)

MAX_BYTES_PER_DOMAIN = 135


def test_an_evicted_bucket_is_read_again_and_its_own_rows_are_continued() -> None:
    """So evictions leave no rows behind; an owner of another epoch starts a fresh one."""
    ledger = new_ledger()
    add(ledger, delivered(A), 0)
    load_rows(ledger)
    first = begin(ledger)
    ledger.evict_idle(0)
    assert ledger.known_domains == 1  # its write is in flight
    ledger.acknowledge(first, 0.0)
    mine = first.rows[0].writer
    for offset in (1, 2):
        ledger.evict_idle(0)
        assert ledger.known_domains == 0
        add(ledger, delivered(A), offset)
        load_rows(ledger, [StoredRow(A.encode(), mine, offset, 0, offset)])
        again = begin(ledger, 99.0 * offset)
        assert (again.rows[0].writer, again.rows[0].applied_offset) == (mine, 1)
        ledger.acknowledge(again, 99.0 * offset)
    ledger.evict_idle(0)
    ledger.start_epoch(1)
    add(ledger, delivered(A), 3)
    load_rows(ledger, [StoredRow(A.encode(), mine, 3, 0, 3)])
    assert begin(ledger, 999.0).rows[0].writer != mine


def test_a_mismatch_is_repaired_at_once_and_delays_no_commit() -> None:
    """All of it was acknowledged: the next owner would not miss it."""
    ledger = new_ledger()
    add(ledger, delivered(A, 3), 0)
    load_rows(ledger)
    write(ledger)
    ledger.skip_record(7)
    version = ledger.audits.start(0.0)
    assert version is not None
    assert (
        ledger.audits.compare(
            version, [StoredRow(A.encode(), THEIRS, 3, 0, 1)], ledger.next_offset, 1.0
        )
        == []
    )
    assert ledger.settled
    assert ledger.audits.compare(version, [], ledger.next_offset, 1.0) == [A]
    assert ledger.committable_offset() == 8
    assert write(ledger, 1.0) == {A: (3, 0, 8)}


def test_a_mismatch_below_which_records_are_read_again_is_repaired_later() -> None:
    """A row with these totals must not claim to end at the next offset to read, which is lower."""
    ledger = new_ledger(first_offset=10)
    add(ledger, delivered(B), 10)
    ledger.pop_unread()
    ledger.load_rows(0, [row(A, 7, 0, 100)], 100, 0.0, 0.0)
    write(ledger)
    version = ledger.audits.start(0.0)
    assert version is not None
    lost = [row(A, 6, 0, 90), StoredRow(B.encode(), THEIRS, 1, 0, 11)]
    assert ledger.audits.compare(version, lost, ledger.next_offset, 1.0) == []
    ledger.skip_record(99)
    assert ledger.audits.compare(version, lost, ledger.next_offset, 1.0) == [A]
    assert write(ledger, 1.0) == {A: (7, 0, 100)}


def test_a_bucket_that_was_written_meanwhile_is_not_compared() -> None:
    """Its rows may have been read before or after."""
    ledger = new_ledger()
    assert ledger.audits.start(0.0) is None
    add(ledger, delivered(A), 0)
    load_rows(ledger)
    write(ledger)
    version = ledger.audits.start(0.0)
    assert version is not None
    add(ledger, bounced(A), 1)
    started = begin(ledger)
    assert ledger.audits.start(0.0) is None
    ledger.acknowledge(started, 0.0)
    assert ledger.audits.compare(version, [], ledger.next_offset, 0.0) == []


def test_a_known_domain_takes_little_memory_its_name_included() -> None:
    """A worker knows millions: read, counted, written, and owing something again."""
    domains = [f"mailbox-{number:07}.example".encode() for number in range(40_000)]
    rules = replace(RULES, buckets=64)
    tracemalloc.start()
    try:
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        ledger = new_ledger(rules=rules)
        for offset, domain in enumerate(domains * 2):
            # A copy, as each record has a key of its own.
            ledger.add(bytes(bytearray(domain)), EventKind.DELIVERED, 1, offset, 0.0)
            load_rows(ledger)
            if offset == len(domains) - 1:
                while (bucket := ledger.pop_due(0.0)) is not None:
                    ledger.acknowledge(ledger.begin(bucket, 1_000, 0.0), 0.0)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ledger.known_domains == len(domains)
    assert (after - before) / len(domains) <= MAX_BYTES_PER_DOMAIN
