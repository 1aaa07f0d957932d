"""A query node that reads all the time, and compares each answer with the truth."""

from collections.abc import Sequence

from consumer.counting.rows.writer_rows import StoredRow
from shared.model.counter import CounterRow, Counters, sum_rows
from shared.model.domain import DomainName
from tests.simulation.cassandra.replica_sets import ReplicaSets
from tests.simulation.kafka.topic_partition import TopicPartition
from tests.simulation.schedule import FindingError, Schedule


def as_counters(
    topic_partition: TopicPartition, rows: Sequence[StoredRow] | None
) -> list[CounterRow] | None:
    """Return *rows* of *log* as the query tier reads them."""
    if rows is None:
        return None
    return [
        CounterRow(topic_partition.name, r.delivered, r.bounced, r.applied_offset) for r in rows
    ]


class Reader:
    """Reads random domains, and raises FindingError for a wrong answer."""

    def __init__(
        self,
        schedule: Schedule,
        stores: ReplicaSets,
        topic_partitions: Sequence[TopicPartition],
        domains: Sequence[DomainName],
    ) -> None:
        self.schedule = schedule
        self.stores = stores
        self.topic_partitions = topic_partitions
        self.domains = domains
        self.answers = 0
        self._before = dict.fromkeys(domains, Counters())

    def start(self) -> None:
        """Read for ever."""
        self.read(self.domains[int(self.schedule.chance() * len(self.domains))])
        self.schedule.after(self.schedule.between(0.3, 1.5), self.start)

    def check(self, domain: str) -> None:
        """Read *domain* now, because it may just have become wrong."""
        self.read(DomainName(domain))

    def read(self, domain: DomainName) -> Counters | None:
        """Return the counters of *domain*, or None if the store does not answer."""
        rows: list[CounterRow] = []
        true = [0, 0]
        for topic_partition in self.topic_partitions:
            found = self.rows(topic_partition, domain)
            if found is None:
                return None
            newest = max(found, key=lambda row: row.applied_offset, default=None)
            if newest is not None:
                delivered, bounced = topic_partition.truth(domain, newest.applied_offset)
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

    def rows(self, topic_partition: TopicPartition, domain: DomainName) -> list[CounterRow] | None:
        """Return the rows of one topic_partition, as a quorum has them."""
        return as_counters(topic_partition, self.stores.read(topic_partition.name, domain))

    def answer(self, rows: Sequence[CounterRow]) -> Counters:
        """Compute the counters from *rows* like the query tier."""
        return sum_rows(rows)
