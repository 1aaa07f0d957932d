"""A virtual clock: one queue holds all future actions, and one seed determines all chance."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from typing import Any


class FindingError(Exception):
    """Something happened that must never happen."""


class Schedule:
    """The queue of future actions, and the history."""

    def __init__(self, seed: int, *, recording: bool = False) -> None:
        self.random = random.Random(seed)
        # Bound methods: the inner loop calls them more often than anything else.
        self.chance = self.random.random
        self.between = self.random.uniform
        self.now = 0.0
        self.injected: Counter[str] = Counter()
        self.recording = recording
        self.history: list[str] = []
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = 0

    def after(self, seconds: float, action: Callable[..., None], *arguments: Any) -> None:
        """Schedule *action* in *seconds*.

        Of two at the same time, the one scheduled first runs first.
        """
        self._order += 1
        heapq.heappush(self._queue, (self.now + seconds, self._order, action, arguments))

    def run(self, until: float) -> None:
        """Run every action that is due before *until*."""
        queue = self._queue
        while queue and queue[0][0] < until:
            self.now, _, action, arguments = heapq.heappop(queue)
            action(*arguments)
        self.now = until

    def inject(self, fault: str) -> None:
        """Count a fault of this kind."""
        self.injected[fault] += 1

    def record(self, actor: str, what: str) -> None:
        """Add a line to the history. Callers check ``recording`` first: text costs time."""
        self.history.append(f"{self.now:10.4f}  {actor:<9} {what}")


def numbers(values: tuple[int, ...]) -> str:
    """Return *values* as short text."""
    return "/".join(str(value) for value in values)
