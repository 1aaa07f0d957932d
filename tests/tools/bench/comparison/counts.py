"""Compare the rows of a bucket with the expected counts of its domains. Pure.

Ten million domains are compared one by one, so expected counts are plain tuples.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter

from shared.model.counter import CounterRow, sum_rows
from shared.model.partitioning import bucket_of
from tests.tools.bench.comparison.job import MOST_NAMED
from tests.tools.load.streams.stream import CODE
from tests.tools.load.verification.ledger import Bounds

Row = tuple[str, str, int | None, int | None, int | None]
"""Domain, log, delivered, bounced, applied offset, as the table has them."""
Due = tuple[int, int, int, int]
"""The least and the most deliveries, the least and the most bounces, as a ledger returns them."""
_DOMAIN = itemgetter(0)


def numbers_by_bucket(
    numbers: Iterable[int], name: Callable[[int], str], buckets: int
) -> "list[array[int]]":
    """Return the domains of each bucket, four bytes each."""
    found = [array(CODE) for _ in range(buckets)]
    for number in numbers:
        found[bucket_of(name(number), buckets)].append(number)
    return found


class CountComparison:
    """The domains compared so far."""

    def __init__(self) -> None:
        self.domains = self.wrong = self.unexpected = self.rows = 0
        self.reasons: list[str] = []
        self.first_unexpected: list[str] = []

    def compare(self, rows: Iterable[Row], expected: Mapping[str, Due]) -> None:
        """Compare all *rows* of a bucket, sorted by domain, with all its *expected* domains."""
        missing = dict(expected)
        for domain, delivered, bounced, of_domain in counts_of(rows):
            due = missing.pop(domain, None)
            if due is None:
                self._add_unexpected(domain)
                continue
            self.rows += of_domain
            if not (due[0] <= delivered <= due[1] and due[2] <= bounced <= due[3]):
                self._add_wrong(domain, delivered, bounced, due)
        for domain, due in missing.items():
            if due[0] or due[2]:
                self._add_wrong(domain, 0, 0, due)
        self.domains += len(expected)

    def _add_unexpected(self, domain: str) -> None:
        self.unexpected += 1
        if len(self.first_unexpected) < MOST_NAMED:
            self.first_unexpected.append(domain)

    def _add_wrong(self, domain: str, delivered: int, bounced: int, due: Due) -> None:
        self.wrong += 1
        if len(self.reasons) < MOST_NAMED:
            self.reasons.append(
                f"{domain} has {delivered} delivered and {bounced} bounced, "
                f"expected {Bounds(*due[:2])} and {Bounds(*due[2:])}"
            )


def counts_of(rows: Iterable[Row]) -> Iterator[tuple[str, int, int, int]]:
    """Yield each domain of *rows*: deliveries and bounces as a reader adds them up, and rows."""
    for domain, of_domain in groupby(rows, _DOMAIN):
        (_, _, delivered, bounced, _), *more = found = list(of_domain)
        if not more:
            yield domain, delivered or 0, bounced or 0, 1
            continue
        counters = sum_rows(
            CounterRow(log, delivered or 0, bounced or 0, applied or 0)
            for _, log, delivered, bounced, applied in found
        )
        yield domain, counters.delivered, counters.bounced, len(found)


def add(due: Due, delivered: int, bounced: int) -> Due:
    """Return *due* with counts from before."""
    return due[0] + delivered, due[1] + delivered, due[2] + bounced, due[3] + bounced


def first_bounce(accepted: int) -> Due:
    """Return the expected counts of a domain with one bounce, perhaps without an answer."""
    return 0, 0, accepted, 1
