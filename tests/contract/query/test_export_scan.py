"""A scan of a real keyspace finds each domain once, with the counters that a lookup reads."""

import time

from consumer.counter_store import MAX_ROWS
from query.export.scan import DomainScanner
from shared.cassandra.session import Session
from shared.model.counter import Counters
from shared.model.partitioning import DEFAULT_BUCKETS, bucket_of
from tests.contract.harness.stores import new_domain, real_store, update_of, write

DOMAINS = 300


async def test_a_scan_and_lookups_agree(session: Session) -> None:
    """Rows of several partitions and writers, domains that share a bucket, and a bounce."""
    store = await real_store(session)
    domains = sorted(
        (new_domain() for _ in range(DOMAINS)),
        key=lambda domain: (bucket_of(domain, DEFAULT_BUCKETS), domain),
    )
    for n, domain in enumerate(domains):
        older = update_of(domain, delivered=n + 1, bounced=n % 2, applied_offset=5)
        newer = update_of(domain, delivered=n + 7, bounced=n % 2, applied_offset=9)
        await write(store.store, "scan/0", older, newer)
        if not n % 3:
            await write(store.store, "scan/1", update_of(domain, delivered=100, applied_offset=1))
    scanner = await DomainScanner.prepare(session, DEFAULT_BUCKETS, time.monotonic)
    wanted = set(domains)

    found = [each async for part in scanner.scan(None, 4) for each in part if each[0] in wanted]
    middle = domains[DOMAINS // 2]
    rest = [
        domain async for part in scanner.scan(middle, 4) for domain, _ in part if domain in wanted
    ]

    assert found == [
        (domain, Counters(n + 7 + (0 if n % 3 else 100), n % 2)) for n, domain in enumerate(domains)
    ]
    for domain, counters in found[:: DOMAINS // 20]:
        assert await store.reader.read(domain) == counters
    assert rest == domains[DOMAINS // 2 + 1 :]


async def test_a_bucket_of_several_pages_is_scanned_whole(session: Session) -> None:
    """A domain whose rows are on two pages is summed once."""
    store = await real_store(session)
    domain = new_domain()
    rows = [update_of(domain, delivered=n, applied_offset=n) for n in range(1, 5_201)]
    bucket = bucket_of(domain, DEFAULT_BUCKETS)
    for start in range(0, len(rows), MAX_ROWS):
        await store.store.write("pages/0", bucket, rows[start : start + MAX_ROWS])
    scanner = await DomainScanner.prepare(session, DEFAULT_BUCKETS, time.monotonic)

    found = [each async for part in scanner.scan(None, 4) for each in part if each[0] == domain]

    assert found == [(domain, Counters(5_200, 0))]
