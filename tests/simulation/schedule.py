"""A virtual clock: what is to happen is in one queue, and all chance comes from one seed."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from typing import Any


class FindingError(Exception):
    """Something that must never happen has happened."""


class Schedule:
    """What happens next, and what has happened."""

    def __init__(self, seed: int, *, recording: bool = False) -> None:
        self.random = random.Random(seed)
        # The bound methods, as the inner loop calls them more often than anything else.
        self.chance = self.random.random
        self.between = self.random.uniform
        self.now = 0.0
        self.injected: Counter[str] = Counter()
        self.recording = recording
        self.history: list[str] = []
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0

    def after(self, seconds: float, action: Callable[..., None], *arguments: Any) -> None:
        """Let *action* happen in *seconds*; of two at the same time the one asked for first."""
        self._order += 1
        heapq.heappush(self._queue, (self.now + seconds, self._order, action, arguments))

    def run(self, until: float) -> None:
        """Let everything happen that is to happen before *until*."""
        queue = self._queue
        while queue and queue[0][0] < until:
            self.now, _, action, arguments = heapq.heappop(queue)
            action(*arguments)
        self.now = until

    def inject(self, fault: str) -> None:
        """Count a fault of this kind."""
        self.injected[fault] += 1

    def say(self, who: str, what: str) -> None:
        """Add a line to the history; callers ask ``recording`` first, as text costs time."""
        self.history.append(f"{self.now:10.4f}  {who:<9} {what}")


def numbers(values: tuple[int, ...]) -> str:
    """Return *values* in few characters."""
    return "/".join(str(value) for value in values)
