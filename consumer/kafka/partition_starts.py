"""Start the partitions of an assignment, each as soon as Kafka answers for it.

A partition may not answer for long: it has no leader, or its leader was elected while too few
replicas were in sync and answers no ListOffsets (KIP-966). It must stop nothing but itself.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine

import structlog

log = structlog.stdlib.get_logger(__name__)

TOGETHER_SECONDS = 0.5
"""All partitions are asked for in one request; after this time, each by itself."""


class PartitionStarts:
    """The task that starts the partitions of the current assignment.

    *start* finds where to read the given partitions, and starts them. It takes as long as Kafka
    needs to answer for all of them, and may be cancelled while it waits.
    """

    def __init__(self, start: Callable[[Collection[int]], Coroutine[None, None, None]]) -> None:
        self._start = start
        self._task: asyncio.Task[None] | None = None

    async def begin(self, partitions: Collection[int], wait_seconds: float) -> None:
        """Start *partitions*. Return when all are started, or after *wait_seconds*."""
        await self.cancel()
        self._task = asyncio.create_task(self._start_all(partitions))
        await asyncio.wait({self._task}, timeout=wait_seconds)

    async def cancel(self) -> None:
        """Start nothing more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _start_all(self, partitions: Collection[int]) -> None:
        try:
            async with asyncio.timeout(TOGETHER_SECONDS):
                await self._start(partitions)
        except TimeoutError:
            log.warning("not all partitions answer", assigned=sorted(partitions))
            async with asyncio.TaskGroup() as tasks:
                for partition in partitions:
                    tasks.create_task(self._start([partition]))
