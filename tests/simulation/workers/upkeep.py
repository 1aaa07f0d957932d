"""The steps of consumer/upkeep.py without its task, and a read of a bucket."""

from consumer.counting.known_buckets import BucketVersion
from consumer.counting.ledger import PartitionLedger
from consumer.counting.rows.writer_rows import StoredRow
from shared.model.partitioning import bucket_of
from tests.simulation.cassandra.replica_sets import BUCKETS
from tests.simulation.kafka.topic_partition import TopicPartition
from tests.simulation.schedule import FindingError
from tests.simulation.workers.owner import Owner

Rows = list[StoredRow]


def read_rows(owner: Owner, topic_partition: TopicPartition, bucket: int) -> Rows | None:
    """Return the rows of *bucket* as a quorum has them, None if it does not answer."""
    store = owner.stores.of_bucket(bucket)
    if owner.schedule.chance() < store.trouble * 0.3:
        owner.schedule.inject("read failed")
        return None
    domains = [d for d in topic_partition.sums if bucket_of(d, BUCKETS) == bucket]
    return store.read_bucket(topic_partition.name, domains)


class Upkeep:
    """Deletes superseded rows of one partition, and compares known totals with the store."""

    def __init__(
        self, owner: Owner, topic_partition: TopicPartition, ledger: PartitionLedger
    ) -> None:
        self._owner = owner
        self._topic_partition = topic_partition
        self._ledger = ledger

    def _rows(self, bucket: int) -> Rows | None:
        return read_rows(self._owner, self._topic_partition, bucket)

    def sweep(self) -> None:
        """Delete the superseded rows of a bucket that are old enough."""
        bucket = self._ledger.sweeps.pop(self._owner.schedule.now)
        if bucket is None:
            return
        rows = self._rows(bucket)
        if rows is None:
            self._ledger.sweeps.plan(bucket, self._owner.schedule.now)
        else:
            self._owner.after(0.01, self._delete, bucket, rows)

    def _delete(self, bucket: int, rows: Rows) -> None:
        now = self._owner.schedule.now
        superseded = self._ledger.sweeps.sweep(bucket, rows, now, self._owner.wall_now())
        if not superseded:
            return
        self._owner.schedule.inject("(upkeep) rows deleted")

        def answered(success: bool) -> None:  # noqa: FBT001 an answer
            if not success:
                self._owner.after(0.0, self._sweep_again, bucket)

        store = self._owner.stores.of_bucket(bucket)
        ahead = self._owner.clock_ahead
        store.delete(self._topic_partition.name, superseded, ahead, answered)

    def _sweep_again(self, bucket: int) -> None:
        self._ledger.sweeps.plan(bucket, self._owner.schedule.now)

    def audit(self) -> None:
        """Read a bucket again and compare it with what is known."""
        version = self._ledger.audits.start(self._owner.schedule.chance())
        if version is None:
            return
        rows = self._rows(version.bucket)
        if rows is not None:
            self._owner.schedule.inject("(upkeep) audits")
            self._owner.after(0.01, self._compare, version, rows)

    def _compare(self, version: BucketVersion, rows: Rows) -> None:
        wrong = self._ledger.audits.compare(
            version, rows, self._ledger.next_offset, self._owner.schedule.now
        )
        if wrong:
            raise FindingError(
                f"an audit of {self._topic_partition.name} found {wrong} wrong in {rows}"
            )
