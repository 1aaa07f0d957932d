"""Decide which records of the topic of changes are changes now, and with which answer.

The topic may hold a change twice, and a worker that was frozen may append an outdated change after
a newer one. So this node relies only on what cannot be undone:

- One bounce is final: the domain is not catch-all, whatever other records say.
- "Catch-all" is verified by a read of Cassandra, which has at least the counts of the record. If
  the domain has another status by now, this record is not a change: the record of the other status
  is in the same partition.

A repeated change is skipped. Changes of a partition, and so of a domain, keep the order of the
records: a record waits until the records before it are decided. So an offset names exactly the
changes that were sent up to it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from query.changes.metrics import ChangeMetrics
from query.changes.status_change import StatusChange
from query.changes.status_history import StatusHistory
from query.changes.topic_reader import Record
from query.lookup.answer import Answer, answer_of
from shared.errors import RetriableError, UndecodableRecordError
from shared.model.change import Change, decode_change
from shared.model.domain import DomainName
from shared.model.status import Status

log = structlog.stdlib.get_logger(__name__)

_READS_AT_ONCE = 64
_RETRY_SECONDS = (0.1, 2.0)


class AnswerSource(Protocol):
    """The part of the cache that the filter uses."""

    async def get(self, domain: DomainName) -> Answer:
        """Return the answer, from memory if possible. Raises RetriableError."""

    async def get_fresh(self, domain: DomainName) -> Answer:
        """Return the answer from a read that starts now; its counts never go back.

        Raises RetriableError.
        """

    def invalidate(self, change: Change) -> None:
        """Apply a change of status to the answer in memory."""


Emit = Callable[[int, StatusChange | None], None]
"""Called in order with the offset after each record, and its change, if it is one."""


class ChangeFilter:
    """Filters the records for every reader of the topic on this node, with one shared history."""

    def __init__(
        self, answers: AnswerSource, threshold: int, history: StatusHistory, metrics: ChangeMetrics
    ) -> None:
        self._answers = answers
        self._threshold = threshold
        self._history = history
        self._metrics = metrics
        self._reads = asyncio.Semaphore(_READS_AT_ONCE)

    async def process(self, partition: int, records: Sequence[Record], emit: Emit) -> None:
        """Call *emit* for each of *records*. Waits as long as Cassandra cannot answer."""
        changes = [self._decode(record) for record in records]
        for change in changes:
            if change is not None:
                self._answers.invalidate(change)
        async with asyncio.TaskGroup() as tasks:
            checks = [
                None
                if change is None
                else tasks.create_task(self._check(change, partition, record.offset))
                for record, change in zip(records, changes, strict=True)
            ]
            for record, change, check in zip(records, changes, checks, strict=True):
                answer = None if check is None else await check
                status_change = None
                if change is not None and answer is not None:
                    status_change = self._accept(change, answer, partition, record.offset)
                emit(record.offset + 1, status_change)

    def is_duplicate(self, change: StatusChange) -> bool:
        """Whether a record that was read later turned out to have the same change earlier."""
        answer = change.answer
        return self._history.is_duplicate(
            answer.domain, answer.status, change.partition, change.offset
        )

    def _accept(
        self, change: Change, answer: Answer, partition: int, offset: int
    ) -> StatusChange | None:
        domain, status = answer.domain, answer.status
        if self._history.is_duplicate(domain, status, partition, offset):
            return None
        self._history.record(domain, status, partition, offset)
        return StatusChange(partition, offset, answer, change.appended_at)

    def _decode(self, record: Record) -> Change | None:
        try:
            change = decode_change(record.key, record.value)
        except UndecodableRecordError as error:
            self._metrics.undecodable.inc()
            log.warning("change record undecodable", offset=record.offset, error=str(error))
            return None
        self._metrics.consumed.inc()
        return change

    async def _check(self, change: Change, partition: int, offset: int) -> Answer | None:
        """Return the current answer if *change* is a change now, else None."""
        claimed = Status.NOT_CATCH_ALL if change.counted.bounced else Status.CATCH_ALL
        if self._history.is_duplicate(change.domain, claimed, partition, offset):
            return None
        if claimed is Status.NOT_CATCH_ALL:
            return await self._final_answer(change)
        answer = await self._verified_answer(change.domain)
        return answer if answer.status is Status.CATCH_ALL else None

    async def _final_answer(self, change: Change) -> Answer:
        """Return the answer for a bounced domain, without a read if need be: it is final."""
        try:
            answer = await self._answers.get(change.domain)
        except RetriableError:
            pass
        else:
            if answer.is_final:
                return answer
        return answer_of(change.domain, change.counted, self._threshold)

    async def _verified_answer(self, domain: DomainName) -> Answer:
        pause, longest = _RETRY_SECONDS
        while True:
            try:
                async with self._reads:
                    return await self._answers.get_fresh(domain)
            except RetriableError:
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest)
