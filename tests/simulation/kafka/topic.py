"""The topic of changes: batches get lost, or only their acknowledgements.

A reader trusts a bounce for good, and reads the counters again when it receives a catch-all. So
what counts is the furthest status that was ever published for a domain: a replaced worker may
publish an older status late.
"""

from collections.abc import Callable, Sequence

from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.status import Status, classify
from tests.simulation.kafka.topic_partition import TopicPartition
from tests.simulation.schedule import FindingError, Schedule

ANSWER_SECONDS = 5.0
_STATUSES = [Status.UNKNOWN, Status.CATCH_ALL, Status.NOT_CATCH_ALL]


class Topic:
    """Every published change, as a reader of all of them sees it."""

    def __init__(
        self,
        schedule: Schedule,
        topic_partitions: Sequence[TopicPartition],
        trouble: float,
        threshold: int,
    ) -> None:
        self.schedule = schedule
        self.trouble = trouble
        self._topic_partitions = {
            topic_partition.name: topic_partition for topic_partition in topic_partitions
        }
        self._threshold = threshold
        self._published: dict[tuple[str, DomainName], int] = {}

    def publish(self, changes: Sequence[Change], answered: Callable[[bool], None]) -> None:
        """Append *changes*. *answered* is called later: True if they are certainly stored."""
        schedule = self.schedule
        fate = schedule.chance() / self.trouble if self.trouble else 1.0
        if fate < 0.3:
            schedule.inject("change lost")
        else:
            schedule.after(schedule.between(0.001, 0.02), self._store, changes)
        if fate < 0.6:
            schedule.inject("answer to change lost")
            schedule.after(ANSWER_SECONDS, answered, False)  # noqa: FBT003 an outcome
        else:
            schedule.after(schedule.between(0.02, 0.05), answered, True)  # noqa: FBT003 an outcome

    def check(self, topic_partition: TopicPartition, domain: DomainName, offset: int) -> None:
        """Raise FindingError if a reader does not know the status of *domain* at *offset*."""
        true = classify(Counters(*topic_partition.truth(domain, offset)), self._threshold).status
        if self._published.get((topic_partition.name, domain), 0) < _STATUSES.index(true):
            raise FindingError(
                f"no published change has {domain} as {true} at {topic_partition.name} {offset}"
            )

    def _store(self, changes: Sequence[Change]) -> None:
        for change in changes:
            counted = (change.counted.delivered, change.counted.bounced)
            if counted not in self._topic_partitions[change.topic_partition].sums[change.domain]:
                raise FindingError(f"published, but never true: {change}")
            status = _STATUSES.index(classify(change.counted, self._threshold).status)
            key = (change.topic_partition, change.domain)
            if status < self._published.get(key, 0):
                self.schedule.inject("older change published late")
            self._published[key] = max(status, self._published.get(key, 0))
