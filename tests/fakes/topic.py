"""A topic in memory that can delay its acknowledgements."""

import asyncio
from collections.abc import Mapping, Sequence

from shared.errors import OutcomeUnknownError, RetriableError
from shared.kafka.producer import MAX_BATCH_BYTES
from shared.model.event import Event
from shared.model.record import RECORD_OVERHEAD_BYTES, KeyValue, decode_events


class InMemoryTopic:
    """A Topic (see there) that acknowledges at once, unless ``hold`` was called.

    ``appends`` are the batches in order, with their partitions; ``traceparents`` the trace contexts
    of each batch; ``stored`` the batches in the log.
    """

    def __init__(self, partitions: int = 1) -> None:
        self.partitions = partitions
        self.appends: list[tuple[int, list[KeyValue]]] = []
        self.traceparents: list[Mapping[int, str] | None] = []
        self.stored: list[tuple[int, list[KeyValue]]] = []
        self._holding = False
        self._held: dict[int, asyncio.Future[None]] = {}
        self._errors: list[Exception] = []

    async def append(
        self,
        partition: int,
        records: Sequence[KeyValue],
        traceparents: Mapping[int, str] | None = None,
    ) -> None:
        """See Topic."""
        if partition in self._held:
            raise AssertionError("a second batch is in flight for one partition")
        if sum(len(k) + len(v) + RECORD_OVERHEAD_BYTES for k, v in records) > MAX_BATCH_BYTES:
            raise ValueError("the batch is larger than MAX_BATCH_BYTES")
        self.appends.append((partition, list(records)))
        self.traceparents.append(traceparents)
        if self._holding:
            self._held[partition] = asyncio.get_running_loop().create_future()
            try:
                await self._held[partition]
            finally:
                del self._held[partition]
        error = self._errors.pop(0) if self._errors else None
        # Of an unknown outcome the harder case: the batch is stored.
        if error is None or isinstance(error, OutcomeUnknownError):
            self.stored.append((partition, list(records)))
        if error is not None:
            raise error

    def events(self) -> list[Event]:
        """Return the events in the log."""
        return [
            event
            for _, records in self.stored
            for pair in records
            for event in decode_events(*pair)
        ]

    def hold(self) -> None:
        """Delay every acknowledgement from now on."""
        self._holding = True

    def release(self) -> None:
        """Acknowledge everything delayed, and delay nothing more."""
        self._holding = False
        self.answer()

    def answer(self) -> None:
        """Acknowledge everything delayed, and keep delaying new batches."""
        for held in list(self._held.values()):
            if not held.done():
                held.set_result(None)

    def fail(self, *errors: RetriableError | ValueError) -> None:
        """Fail the next batches with these errors, in order."""
        self._errors.extend(errors)
