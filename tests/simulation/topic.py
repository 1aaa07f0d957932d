"""The topic of changes: batches get lost, or only their answers; and what a reader makes of it.

A reader believes a bounce for good and reads anew when it hears of a catch-all, so what counts
is the furthest status that was ever published of a domain: a worker that was replaced may say
an older truth late.
"""

from collections.abc import Callable, Sequence

from shared.model.change import Change
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.status import Status, classify
from tests.simulation.log import Log
from tests.simulation.schedule import FindingError, Schedule

ANSWER_SECONDS = 5.0
_STATUSES = [Status.UNKNOWN, Status.CATCH_ALL, Status.NOT_CATCH_ALL]


class Topic:
    """All that was ever published, as a reader of everything knows it."""

    def __init__(
        self, schedule: Schedule, logs: Sequence[Log], trouble: float, threshold: int
    ) -> None:
        self.schedule = schedule
        self.trouble = trouble
        self._logs = {log.name: log for log in logs}
        self._threshold = threshold
        self._heard: dict[tuple[str, DomainName], int] = {}

    def publish(self, changes: Sequence[Change], answered: Callable[[bool], None]) -> None:
        """Append *changes*; *answered* learns after a while whether they are stored for sure."""
        schedule = self.schedule
        fate = schedule.chance() / self.trouble if self.trouble else 1.0
        if fate < 0.3:
            schedule.inject("change lost")
        else:
            schedule.after(schedule.between(0.001, 0.02), self._store, changes)
        if fate < 0.6:
            schedule.inject("answer to change lost")
            schedule.after(ANSWER_SECONDS, answered, False)  # noqa: FBT003 an answer
        else:
            schedule.after(schedule.between(0.02, 0.05), answered, True)  # noqa: FBT003 an answer

    def check(self, log: Log, domain: DomainName, offset: int) -> None:
        """Raise FindingError if a reader does not know what *domain* is by *offset* of *log*."""
        true = classify(Counters(*log.truth(domain, offset)), self._threshold).status
        if self._heard.get((log.name, domain), 0) < _STATUSES.index(true):
            raise FindingError(f"nobody was told that {domain} is {true} by {log.name} {offset}")

    def _store(self, changes: Sequence[Change]) -> None:
        for change in changes:
            counted = (change.counted.delivered, change.counted.bounced)
            if counted not in self._logs[change.topic_partition].sums[change.domain]:
                raise FindingError(f"published, and never true: {change}")
            status = _STATUSES.index(classify(change.counted, self._threshold).status)
            key = (change.topic_partition, change.domain)
            if status < self._heard.get(key, 0):
                self.schedule.inject("older change published late")
            self._heard[key] = max(status, self._heard.get(key, 0))
