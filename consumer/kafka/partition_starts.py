"""Start the partitions of an assignment, each as soon as Kafka answers for it.

A partition may not answer for long: it has no leader, or its leader was elected while too few
replicas were in sync and answers no ListOffsets (KIP-966). It must stop nothing but itself.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine

import structlog

log = structlog.stdlib.get_logger(__name__)

LOOK_AGAIN_SECONDS = 5.0
"""How often a partition that must not start yet is looked at again."""
TOGETHER_SECONDS = 0.5
"""All partitions are asked for in one request; after this time, each by itself."""


class PartitionStarts:
    """The task that starts the partitions of the current assignment.

    *start* finds where to read the given partitions, and starts them. It takes as long as Kafka
    needs to answer for all of them, and may be cancelled while it waits. *stopped* returns those
    that must not start yet.
    """

    def __init__(
        self,
        start: Callable[[Collection[int]], Coroutine[None, None, None]],
        stopped: Callable[[], Collection[int]] = tuple,
    ) -> None:
        self._start = start
        self._stopped = stopped
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self, partitions: Collection[int], wait_seconds: float) -> None:
        """Start *partitions*. Return when all are started, or after *wait_seconds*."""
        await self.cancel()
        starting = asyncio.create_task(self._start_all(partitions))
        self._tasks = {starting, asyncio.create_task(self._look_again())}
        await asyncio.wait({starting}, timeout=wait_seconds)

    async def cancel(self) -> None:
        """Start nothing more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _look_again(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            for partition in tuple(self._stopped()):
                await self._start([partition])

    async def _start_all(self, partitions: Collection[int]) -> None:
        try:
            async with asyncio.timeout(TOGETHER_SECONDS):
                await self._start(partitions)
        except TimeoutError:
            log.warning("not all partitions answer", assigned=sorted(partitions))
            async with asyncio.TaskGroup() as tasks:
                for partition in partitions:
                    tasks.create_task(self._start([partition]))
