"""Remember which statuses were said of which domains, so that none is said twice.

The log may hold a change twice, as it is written at least once. A status of a domain is news
only in the first record that says it, or something later. That is a question about offsets,
whoever asks and in whatever order the log is read: one that goes on far behind the others gets
what is news to it, and spoils nothing for them.
"""

from dataclasses import dataclass

from query.lookup.answer import Answer
from shared.model.domain import DomainName
from shared.model.status import Status


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A domain has a new status, by the record at *offset* of *partition*."""

    partition: int
    offset: int
    answer: Answer
    appended_at: int
    """When Kafka took the event that brought it about, in milliseconds since 1970."""


@dataclass(slots=True)
class _First:
    """The first offsets at which a domain was said to be catch-all, and not to be."""

    partition: int
    catch_all: int | None = None
    not_catch_all: int | None = None


class StatusHistory:
    """What was said of the last *bound* domains that anything was said of."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._firsts: dict[DomainName, _First] = {}

    def __len__(self) -> int:
        return len(self._firsts)

    def is_duplicate(self, domain: DomainName, status: Status, partition: int, offset: int) -> bool:
        """Whether this status, or a later one, was said of *domain* before *offset*."""
        first = self._firsts.get(domain)
        if first is None:
            return False
        said = [first.not_catch_all]
        if status is not Status.NOT_CATCH_ALL:
            said.append(first.catch_all)
        if first.partition != partition:
            # The topic has more partitions than it had: the domain has moved, and all is before.
            return any(at is not None for at in said)
        return any(at is not None and at < offset for at in said)

    def record(self, domain: DomainName, status: Status, partition: int, offset: int) -> None:
        """Note that *status* was said of *domain* by the record at *offset*."""
        first = self._firsts.pop(domain, None) or _First(partition)
        if first.partition != partition:
            first = _First(partition)
        if status is Status.NOT_CATCH_ALL:
            first.not_catch_all = _least(first.not_catch_all, offset)
        else:
            first.catch_all = _least(first.catch_all, offset)
        self._firsts[domain] = first
        if len(self._firsts) > self._bound:
            del self._firsts[next(iter(self._firsts))]


def _least(known: int | None, offset: int) -> int:
    return offset if known is None else min(known, offset)
