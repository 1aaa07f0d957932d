"""Compare the rows of a bucket with the expected counts of its domains. Pure."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter

from shared.model.counter import CounterRow, Counters, sum_rows
from shared.model.partitioning import bucket_of
from tests.tools.bench.comparison.job import MOST_NAMED
from tests.tools.load.streams.stream import CODE
from tests.tools.load.verification.ledger import Bounds, Expected

Row = tuple[str, str, int | None, int | None, int | None]
"""Domain, log, delivered, bounced, applied offset, as the table has them."""
_DOMAIN = itemgetter(0)
_NOTHING = Expected(Bounds(0, 0), Bounds(0, 0))


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

    def compare(self, rows: Iterable[Row], expected: Mapping[str, Expected]) -> None:
        """Compare all *rows* of a bucket, sorted by domain, with all its *expected* domains."""
        missing = dict(expected)
        for domain, counters, written in counts_of(rows):
            due = missing.pop(domain, None)
            if due is None:
                self.unexpected += 1
                if len(self.first_unexpected) < MOST_NAMED:
                    self.first_unexpected.append(domain)
                continue
            self.rows += written
            self._compare(domain, counters, due)
        for domain, due in missing.items():
            self._compare(domain, Counters(), due)

    def _compare(self, domain: str, counters: Counters, due: Expected) -> None:
        self.domains += 1
        (least_delivered, most_delivered), (least_bounced, most_bounced) = due
        if (
            least_delivered <= counters.delivered <= most_delivered
            and least_bounced <= counters.bounced <= most_bounced
        ):
            return
        self.wrong += 1
        if len(self.reasons) < MOST_NAMED:
            self.reasons.append(
                f"{domain} has {counters.delivered} delivered and {counters.bounced} bounced, "
                f"expected {due.delivered} and {due.bounced}"
            )


def counts_of(rows: Iterable[Row]) -> Iterator[tuple[str, Counters, int]]:
    """Yield each domain of *rows* with its counts and its number of rows, as a reader adds up."""
    for domain, of_domain in groupby(rows, _DOMAIN):
        found = [
            CounterRow(log, delivered or 0, bounced or 0, applied or 0)
            for _, log, delivered, bounced, applied in of_domain
        ]
        yield domain, sum_rows(found), len(found)


def add(expected: Expected, delivered: int, bounced: int) -> Expected:
    """Return *expected* with counts from before."""
    of_delivered, of_bounced = expected
    return Expected(
        Bounds(of_delivered.least + delivered, of_delivered.most + delivered),
        Bounds(of_bounced.least + bounced, of_bounced.most + bounced),
    )


def first_bounce(accepted: int) -> Expected:
    """Return the expected counts of a domain with one bounce, perhaps without an answer."""
    return Expected(_NOTHING.delivered, Bounds(accepted, 1))
