"""Remember the changes of status already sent, so that none is sent twice. Pure.

The topic may hold a change twice, because workers write it at least once. Only the first record
with a status is a change, and only if no record before it has a later status. This depends on
offsets alone, not on the reader or on the order of reading: a replay far behind the others finds
the same changes and does not disturb them.
"""

from dataclasses import dataclass

from shared.model.domain import DomainName
from shared.model.status import Status


@dataclass(slots=True)
class _FirstOffsets:
    """The first offsets at which a domain was catch-all, and not catch-all."""

    partition: int
    catch_all: int | None = None
    not_catch_all: int | None = None


class StatusHistory:
    """The most recent changes of up to *bound* domains."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._firsts: dict[DomainName, _FirstOffsets] = {}

    def __len__(self) -> int:
        return len(self._firsts)

    def is_duplicate(self, domain: DomainName, status: Status, partition: int, offset: int) -> bool:
        """Whether a record before *offset* has this status of *domain*, or a later one."""
        first = self._firsts.get(domain)
        if first is None:
            return False
        earlier = [first.not_catch_all]
        if status is not Status.NOT_CATCH_ALL:
            earlier.append(first.catch_all)
        if first.partition != partition:
            # The topic has more partitions than before: the domain moved, and all of these are
            # earlier.
            return any(at is not None for at in earlier)
        return any(at is not None and at < offset for at in earlier)

    def record(self, domain: DomainName, status: Status, partition: int, offset: int) -> None:
        """Record that the record at *offset* has this *status* of *domain*."""
        first = self._firsts.pop(domain, None) or _FirstOffsets(partition)
        if first.partition != partition:
            first = _FirstOffsets(partition)
        if status is Status.NOT_CATCH_ALL:
            first.not_catch_all = _least(first.not_catch_all, offset)
        else:
            first.catch_all = _least(first.catch_all, offset)
        self._firsts[domain] = first
        if len(self._firsts) > self._bound:
            del self._firsts[next(iter(self._firsts))]


def _least(known: int | None, offset: int) -> int:
    return offset if known is None else min(known, offset)
