"""A topic in memory whose answers can be held back."""

import asyncio
from collections.abc import Mapping, Sequence

from shared.errors import OutcomeUnknownError, RetriableError
from shared.kafka.producer import MAX_BATCH_BYTES
from shared.model.record import RECORD_OVERHEAD_BYTES, KeyValue


class InMemoryTopic:
    """A Topic (see there) that acknowledges at once, unless told to hold its answers.

    ``appends`` are the batches by their partitions as they came, ``traceparents`` what was said of
    each of them, ``stored`` what the log has of them.
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
            raise AssertionError("a second batch is out for one partition")
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
        # In doubt, and stored: the harder one of its two cases.
        if error is None or isinstance(error, OutcomeUnknownError):
            self.stored.append((partition, list(records)))
        if error is not None:
            raise error

    def hold(self) -> None:
        """Answer nothing that comes from now on."""
        self._holding = True

    def release(self) -> None:
        """Answer what is held, and hold nothing more."""
        self._holding = False
        self.answer()

    def answer(self) -> None:
        """Answer what is held, and go on holding what comes."""
        for held in list(self._held.values()):
            if not held.done():
                held.set_result(None)

    def fail(self, *errors: RetriableError | ValueError) -> None:
        """Let the next answers be these errors, one per batch."""
        self._errors.extend(errors)
