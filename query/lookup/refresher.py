"""Read popular domains again before their answers expire, many domains per request.

A request costs ten times as much as the rows of a domain. No client waits for these reads, so they
are gathered for a moment, and none is sent while other reads wait for Cassandra.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from shared.errors import NodeFullError
from shared.model.domain import DomainName

GATHER_SECONDS = 0.05
MAX_DOMAINS = 256
"""Per turn: eight requests of 32 domains, which are sent at once. A GET can come to wait for one of
these reads in the queue of the bulk requests, so that queue must not hold thousands of them."""


class _Reader(Protocol):
    """A reader that reports whether it is idle (see CounterReader)."""

    @property
    def idle(self) -> bool: ...


class Refresher:
    """The domains to read again. The owner must close it.

    *begin* starts the read of a domain if it is still due; it may raise NodeFullError.
    """

    def __init__(
        self, reader: _Reader, begin: Callable[[DomainName], object], gather_seconds: float
    ) -> None:
        self._reader = reader
        self._begin = begin
        self._gather_seconds = gather_seconds
        self._due: set[DomainName] = set()
        self._timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Start no more reads."""
        if self._timer is not None:
            self._timer.cancel()

    def schedule(self, domain: DomainName) -> None:
        """Read *domain* soon, if there is room and the reader is idle; else drop it.

        The next request for a dropped domain schedules it again.
        """
        if len(self._due) < MAX_DOMAINS:
            self._due.add(domain)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._gather_seconds, self._read)

    def _read(self) -> None:
        due, self._due, self._timer = self._due, set(), None
        if not self._reader.idle:
            return
        try:
            for domain in due:
                self._begin(domain)
        except NodeFullError:
            return
