"""Places for the writes of counts that merely move; how many there are follows the store."""

import asyncio
from types import TracebackType

from consumer.counting.pacing.write_limit import WriteLimit


class WritePlaces:
    """The places that all partitions of a worker share: ``async with`` waits for one.

    ``age_seconds`` is the age of the oldest event that is not counted, by the last report.
    """

    def __init__(self, limit: WriteLimit) -> None:
        self.age_seconds = 0.0
        self._limit = limit
        self._taken = 0
        self._freed = asyncio.Event()

    @property
    def limit(self) -> int:
        """How many places there are now."""
        return self._limit.value

    def record(self, took_seconds: float) -> None:
        """Record how long a write took, of any kind and with any outcome."""
        self._limit.record(took_seconds, self.age_seconds)

    async def __aenter__(self) -> None:
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
