"""A query node that asks all the time, and the truth beside each of its answers."""

from collections.abc import Sequence

from shared.model.counter import CounterRow, Counters, newest_row, sum_rows
from shared.model.domain import DomainName
from tests.simulation.log import Log
from tests.simulation.schedule import FindingError, Schedule
from tests.simulation.store import Store


class Reader:
    """Read random domains, and raise FindingError for an answer that must not be."""

    def __init__(
        self, schedule: Schedule, store: Store, logs: Sequence[Log], domains: Sequence[DomainName]
    ) -> None:
        self.schedule = schedule
        self.store = store
        self.logs = logs
        self.domains = domains
        self.answers = 0
        self._before = dict.fromkeys(domains, Counters())

    def begin(self) -> None:
        """Read for ever."""
        self.read(self.domains[int(self.schedule.chance() * len(self.domains))])
        self.schedule.after(self.schedule.between(0.3, 1.5), self.begin)

    def look(self, domain: str) -> None:
        """Read *domain* now, as something may just have become wrong."""
        self.read(DomainName(domain))

    def read(self, domain: DomainName) -> Counters | None:
        """Return the counters of *domain*, None if the store does not answer."""
        rows: list[CounterRow] = []
        true = [0, 0]
        for log in self.logs:
            found = self.rows(log, domain)
            if found is None:
                return None
            newest = newest_row(found)
            if newest is not None:
                delivered, bounced = log.truth(domain, newest.applied_offset)
                if (newest.delivered, newest.bounced) != (delivered, bounced):
                    raise FindingError(
                        f"{domain}: a reader is shown {newest}, but {delivered} delivered and "
                        f"{bounced} bounced are true"
                    )
                true[0] += delivered
                true[1] += bounced
            rows += found
        answer = self.answer(rows)
        self.answers += 1
        if answer != Counters(*true):
            raise FindingError(f"{domain}: {answer} of {rows}, but {true} are true")
        before = self._before[domain]
        if answer.delivered < before.delivered or answer.bounced < before.bounced:
            raise FindingError(f"{domain}: an answer goes back from {before} to {answer}")
        self._before[domain] = answer
        return answer

    def rows(self, log: Log, domain: DomainName) -> list[CounterRow] | None:
        """Return the rows of one log, as a quorum has them."""
        return self.store.read(log.name, domain)

    def answer(self, rows: Sequence[CounterRow]) -> Counters:
        """Return what the query tier makes of *rows*."""
        return sum_rows(rows)
