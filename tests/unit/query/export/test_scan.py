"""A scan yields every domain once, in a fixed order, from any domain on."""

import asyncio
from collections import deque
from contextlib import aclosing

import pytest

from query.export import scan
from query.export.domain_sums import DomainSum
from query.export.scan import MAX_BUCKETS, PAGE_ROWS, PATIENCE_SECONDS, DomainScanner
from shared.errors import StoreUnavailableError
from shared.model.counter import Counters
from shared.model.domain import DomainName
from tests.fakes.clock import Clock
from tests.fakes.stored_domains import StoredDomains, in_scan_order, open_scanner, rows_of

BUCKETS = 256
DOMAINS = {f"d{n}.example": Counters(n + 1, n % 2) for n in range(1_000)}
AHEAD = 3


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat a failed read at once."""
    monkeypatch.setattr(scan, "RETRY_SECONDS", 0.0)


def stored(outcomes: str = "") -> StoredDomains:
    """Return the domains in a table whose first reads succeed (.) or fail (F)."""
    return StoredDomains(
        rows_of(DOMAINS, BUCKETS), outcomes=deque(outcome == "F" for outcome in outcomes)
    )


async def settle() -> None:
    """Run all tasks until each of them waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def scan_all(scanner: DomainScanner, after: DomainName | None = None) -> list[DomainSum]:
    """Return what a scan yields."""
    return [each async for part in scanner.scan(after, AHEAD) for each in part]


async def test_all_domains_come_in_the_fixed_order() -> None:
    """With their counters."""
    found = await scan_all(await open_scanner(stored(), BUCKETS))

    assert [domain for domain, _ in found] == in_scan_order(DOMAINS, BUCKETS)
    assert dict(found) == DOMAINS


@pytest.mark.parametrize("position", [0, 1, 499, 998, 999])
async def test_a_scan_goes_on_after_any_domain(position: int) -> None:
    """Exactly the domains behind it follow."""
    order = in_scan_order(DOMAINS, BUCKETS)

    found = await scan_all(await open_scanner(stored(), BUCKETS), order[position])

    assert [domain for domain, _ in found] == order[position + 1 :]


async def test_a_scan_goes_on_after_a_domain_that_is_not_there() -> None:
    """The cursor is a position, so it need not have counters."""
    absent = DomainName("absent.example")
    order = in_scan_order({**DOMAINS, absent: Counters()}, BUCKETS)

    found = await scan_all(await open_scanner(stored(), BUCKETS), absent)

    assert [domain for domain, _ in found] == order[order.index(absent) + 1 :]


async def test_few_reads_are_in_flight_or_unused() -> None:
    """A consumer that stops reading stops the scan."""
    table = stored()
    scanner = await open_scanner(table, BUCKETS)
    async with aclosing(scanner.scan(None, AHEAD)) as parts:
        await anext(parts)
        await settle()
        assert len(table.requests) == AHEAD
        await anext(parts)
        await settle()
        assert len(table.requests) == AHEAD + 1
    assert table.most_in_flight == AHEAD


async def test_requests_grow_where_buckets_are_nearly_empty() -> None:
    """An empty keyspace takes few requests, a full one reads a page at a time."""
    empty = StoredDomains([])
    await scan_all(await open_scanner(empty, 4_096))
    many = {f"d{n}.example": Counters(1, 0) for n in range(2 * PAGE_ROWS)}
    full = StoredDomains(rows_of(many, 16))
    await scan_all(await open_scanner(full, 16))

    assert max(map(len, empty.requests)) == MAX_BUCKETS
    assert max(map(len, full.requests)) <= 10


async def test_a_read_that_fails_is_repeated() -> None:
    """Nothing is missing, and nothing comes twice."""
    table = stored(".F.FF")

    found = await scan_all(await open_scanner(table, BUCKETS))

    assert [domain for domain, _ in found] == in_scan_order(DOMAINS, BUCKETS)


async def test_a_scan_whose_first_read_fails_fails() -> None:
    """Its client can still be refused."""
    with pytest.raises(StoreUnavailableError):
        await scan_all(await open_scanner(stored("F"), BUCKETS))


async def test_a_scan_fails_after_a_long_outage() -> None:
    """The client gets a cursor instead of an endless silence."""
    table, clock = stored("." + "F" * 100), Clock()
    scanner = await open_scanner(table, BUCKETS, clock)
    async with aclosing(scanner.scan(None, ahead=1)) as parts:
        await anext(parts)
        failing = asyncio.create_task(anext(parts))
        await settle()
        assert not failing.done()
        clock.now += PATIENCE_SECONDS + 1
        with pytest.raises(StoreUnavailableError):
            await failing
