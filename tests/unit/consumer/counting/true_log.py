"""A partition of random events: its true counts at each offset, and the changes that follow."""

from random import Random

from consumer.counting.rows.writer_rows import StoredRow
from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.event import EventKind
from shared.model.record import Sums
from shared.model.status import Status, classify

DOMAINS = [DomainName(name) for name in ("a.example", "b.example", "c.example")]
THRESHOLD = 4
STATUSES = [Status.UNKNOWN, Status.CATCH_ALL, Status.NOT_CATCH_ALL]
"""In the order in which they follow each other."""


class TrueLog:
    """The records, the sums of each domain's events below each offset, and its published status."""

    def __init__(self) -> None:
        self.records: list[Sums | None] = []
        self.sums = {domain: [Counters()] for domain in DOMAINS}
        self.published = dict.fromkeys(DOMAINS, Status.UNKNOWN)

    def append(self, random: Random) -> None:
        """Append random records of one or more domains; None is one that cannot be decoded."""
        for _ in range(random.randint(1, 5)):
            kind = EventKind.BOUNCED if random.random() < 0.2 else EventKind.DELIVERED
            chosen = random.sample(DOMAINS, random.choice([1, 1, len(DOMAINS)]))
            counts = {domain: random.randint(1, 3) for domain in chosen}
            if random.random() < 0.05:
                counts = {}
            names = [domain.encode() for domain in counts]
            self.records.append(Sums(kind, names, [*counts.values()]) if counts else None)
            for domain, sums in self.sums.items():
                count = counts.get(domain, 0)
                bounces = count if kind is EventKind.BOUNCED else 0
                last = sums[-1]
                sums.append(Counters(last.delivered + count - bounces, last.bounced + bounces))

    def status(self, domain: DomainName, offset: int = -1) -> Status:
        """Return the status that the events below *offset* prove, those of all by default."""
        return classify(self.sums[domain][offset], THRESHOLD).status

    def require_true(self, row: StoredRow) -> None:
        """Return if *row* is the true count of its domain up to its offset."""
        domain = DomainName(row.domain.decode())
        assert row.applied_offset <= len(self.records), f"beyond the end: {domain} {row}"
        truth = self.sums[domain][row.applied_offset]
        assert Counters(row.delivered, row.bounced) == truth, f"not a true count: {domain} {row}"

    def read_change(self, change: Change) -> None:
        """Read a change like a query node: a zombie may publish an older status late."""
        status = classify(change.counted, THRESHOLD).status
        assert change.counted in self.sums[change.domain], f"never true: {change}"
        self.published[change.domain] = max(
            self.published[change.domain], status, key=STATUSES.index
        )

    def require_published(self, offset: int) -> None:
        """Return if every change below *offset* is published: it may be committed."""
        for domain in DOMAINS:
            true = self.status(domain, offset)
            published = STATUSES.index(self.published[domain])
            assert published >= STATUSES.index(true), f"{domain}: {true} may never be published"
