"""A counter store that answers when the test allows it."""

import asyncio
from collections.abc import Sequence

from consumer.counting.rows.writer_rows import RowIncrement, StoredRow
from tests.fakes.counter_store import InMemoryCounterStore


class GatedStore(InMemoryCounterStore):
    """A store that answers once its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()

    async def read(self, topic_partition: str, bucket: int) -> list[StoredRow]:
        """See CounterStore."""
        self.asked.set()
        await self.gate.wait()
        return await super().read(topic_partition, bucket)

    async def write(self, topic_partition: str, bucket: int, rows: Sequence[RowIncrement]) -> None:
        """See CounterStore."""
        await self.gate.wait()
        await super().write(topic_partition, bucket, rows)
