"""The partitions of one assignment that are not read, and why."""

from collections.abc import Collection, Iterator, Mapping

import structlog

from consumer.counting.start import Stopped

log = structlog.stdlib.get_logger(__name__)


class StoppedPartitions(Mapping[int, Stopped]):
    """Partitions that wait for their operator, and those that the worker has refused."""

    def __init__(self) -> None:
        self.waiting: dict[int, Stopped] = {}
        """They are looked at again; only an assignment can start the others."""
        self._refused: dict[int, Stopped] = {}

    def __getitem__(self, partition: int) -> Stopped:
        return (self.waiting | self._refused)[partition]

    def __iter__(self) -> Iterator[int]:
        return iter(self.waiting | self._refused)

    def __len__(self) -> int:
        return len(self.waiting | self._refused)

    def update(self, partitions: Collection[int], stopped: Mapping[int, Stopped]) -> None:
        """Record that of *partitions* exactly those in *stopped* must wait."""
        for partition, why in stopped.items():
            if self.waiting.get(partition) != why:
                log.error("partition stopped", partition=partition, reason=why.reason)
        others = {p: why for p, why in self.waiting.items() if p not in partitions}
        self.waiting = {**others, **stopped}

    def refuse(self, partition: int, stopped: Stopped) -> None:
        """Record that the worker cannot count *partition*."""
        log.error("partition stopped", partition=partition, reason=stopped.reason)
        self._refused[partition] = stopped

    def clear(self) -> None:
        """Forget all: they are not ours any more."""
        self.waiting, self._refused = {}, {}
