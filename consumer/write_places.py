"""Places for the writes of counts that merely move; their number follows the store."""

import asyncio
from types import TracebackType

from consumer.counting.pacing.write_limit import WriteLimit


class WritePlaces:
    """The places that all partitions of a worker share: ``async with`` waits for one.

    Places are taken in the order of asking. Else a partition that always has something to write
    would take the place that it leaves, again and again, and the others would wait for ever.

    ``age_seconds`` is the age of the oldest event that is not counted, by the last report.
    """

    def __init__(self, limit: WriteLimit) -> None:
        self.age_seconds = 0.0
        self._limit = limit
        self._taken = 0
        self._turn = asyncio.Lock()  # it is fair
        self._freed = asyncio.Event()

    @property
    def limit(self) -> int:
        """The number of places now."""
        return self._limit.value

    def record(self, rows: int, took_seconds: float) -> None:
        """Record how long a write of *rows* took, of any kind and with any outcome."""
        self._limit.record(rows, took_seconds, self.age_seconds)

    def record_round(self, seconds: float) -> None:
        """Record the time that the worker needed for the records that it had fetched."""
        self._limit.record_round(seconds)

    async def __aenter__(self) -> None:
        async with self._turn:
            while self._taken >= self._limit.value:
                self._freed.clear()
                await self._freed.wait()
            self._taken += 1

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._taken -= 1
        self._freed.set()
