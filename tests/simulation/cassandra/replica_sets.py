"""All of Cassandra: each bucket is on one of several sets of nodes, which fail independently."""

from consumer.counting.rows.writer_rows import StoredRow
from shared.model.partitioning import bucket_of
from tests.simulation.cassandra.store import Store
from tests.simulation.schedule import Schedule

BUCKETS = 2
TROUBLE = (0.05, 0.15, 0.3, 0.5)
"""How often something goes wrong with a request."""


class ReplicaSets:
    """One set of nodes for all buckets, or one for each."""

    def __init__(self, schedule: Schedule, trouble: float) -> None:
        self.sets = [Store(schedule, trouble, "node")]
        if schedule.chance() < 0.3:
            other = schedule.random.choice(TROUBLE) if trouble else 0.0
            self.sets.append(Store(schedule, other, "other"))

    def of_bucket(self, bucket: int) -> Store:
        """Return the set that holds *bucket*."""
        return self.sets[bucket % len(self.sets)]

    def of_domain(self, domain: str) -> Store:
        """Return the set that holds the bucket of *domain*."""
        return self.sets[0] if len(self.sets) == 1 else self.of_bucket(bucket_of(domain, BUCKETS))

    def read(self, topic_partition: str, domain: str) -> list[StoredRow] | None:
        """Return the rows of *domain* as a quorum of its set has them."""
        return self.of_domain(domain).read(topic_partition, domain)

    def applied_offset(self, topic_partition: str, domain: str) -> int:
        """Return the largest offset of *domain* that every two nodes of its set show, up or not."""
        return self.of_domain(domain).applied_offset(topic_partition, domain)
