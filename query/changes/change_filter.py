"""Tell which records of the topic of changes are news, and what they mean now.

A log may say something twice, and a worker that was frozen may add an older truth after a newer
one. So a record is believed only in what cannot be taken back:

- One bounce is final: the domain is not catch-all, whatever else is or will be said.
- "Catch-all" is asked of the store, which knows at least what the record says. If the domain is
  something else by now this is no news: the record that says so stands in the same partition.

Whatever was said before is passed over. Per partition, and thus per domain, the order is the
log's: nothing is said before what stands ahead of it is settled, so an offset names exactly what
was said up to it.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from query.changes.metrics import ChangeMetrics
from query.changes.status_history import StatusChange, StatusHistory
from query.changes.topic_reader import Record
from query.lookup.answer import Answer, answer_of
from shared.errors import RetriableError, UndecodableRecordError
from shared.model.change import Change, decode
from shared.model.domain import DomainName
from shared.model.status import Status

log = structlog.stdlib.get_logger(__name__)

_READS_AT_ONCE = 64
_RETRY_SECONDS = (0.1, 2.0)


class AnswerSource(Protocol):
    """Whoever knows the answer of a domain."""

    async def get(self, domain: DomainName) -> Answer:
        """Return the answer, from history where it may be. Raises RetriableError."""

    async def get_fresh(self, domain: DomainName) -> Answer:
        """Return the answer by a read that starts now, never lower than known.

        Raises RetriableError.
        """

    def invalidate(self, change: Change) -> None:
        """Take note of a change."""


Tell = Callable[[int, StatusChange | None], None]
"""Called in order with the offset that comes after a record, and its news if it has any."""


class ChangeFilter:
    """Reads records for all that follow the topic on this node, with one history."""

    def __init__(
        self, answers: AnswerSource, threshold: int, memory: StatusHistory, metrics: ChangeMetrics
    ) -> None:
        self._answers = answers
        self._threshold = threshold
        self._history = memory
        self._metrics = metrics
        self._reads = asyncio.Semaphore(_READS_AT_ONCE)

    async def apply(self, partition: int, records: Sequence[Record], tell: Tell) -> None:
        """Call *tell* for each of *records*. Waits for as long as the store cannot answer."""
        changes = [self._decode(record) for record in records]
        for change in changes:
            if change is not None:
                self._answers.invalidate(change)
        async with asyncio.TaskGroup() as tasks:
            looks = [
                None
                if change is None
                else tasks.create_task(self._look(change, partition, record.offset))
                for record, change in zip(records, changes, strict=True)
            ]
            for record, change, look in zip(records, changes, looks, strict=True):
                answer = None if look is None else await look
                news = None
                if change is not None and answer is not None:
                    news = self._news(change, answer, partition, record.offset)
                tell(record.offset + 1, news)

    def is_duplicate(self, news: StatusChange) -> bool:
        """Whether a record that was read since has turned out to have said it before."""
        answer = news.answer
        return self._history.is_duplicate(answer.domain, answer.status, news.partition, news.offset)

    def _news(
        self, change: Change, answer: Answer, partition: int, offset: int
    ) -> StatusChange | None:
        domain, status = answer.domain, answer.status
        if self._history.is_duplicate(domain, status, partition, offset):
            return None
        self._history.record(domain, status, partition, offset)
        return StatusChange(partition, offset, answer, change.appended_at)

    def _decode(self, record: Record) -> Change | None:
        try:
            change = decode(record.key, record.value)
        except UndecodableRecordError as error:
            self._metrics.undecodable.inc()
            log.warning("a change could not be decoded", offset=record.offset, error=str(error))
            return None
        self._metrics.heard.inc()
        return change

    async def _look(self, change: Change, partition: int, offset: int) -> Answer | None:
        """Return what *change* is as an answer now, None if it is no news."""
        claimed = Status.NOT_CATCH_ALL if change.counted.bounced else Status.CATCH_ALL
        if self._history.is_duplicate(change.domain, claimed, partition, offset):
            return None
        if claimed is Status.NOT_CATCH_ALL:
            return await self._final(change)
        answer = await self._verified(change.domain)
        return answer if answer.status is Status.CATCH_ALL else None

    async def _final(self, change: Change) -> Answer:
        """Return what is known of a bounced domain: it is true without a look at the store."""
        try:
            answer = await self._answers.get(change.domain)
        except RetriableError:
            pass
        else:
            if answer.is_final:
                return answer
        return answer_of(change.domain, change.counted, self._threshold)

    async def _verified(self, domain: DomainName) -> Answer:
        pause, longest = _RETRY_SECONDS
        while True:
            try:
                async with self._reads:
                    return await self._answers.get_fresh(domain)
            except RetriableError:
                await asyncio.sleep(pause)
                pause = min(2 * pause, longest)
