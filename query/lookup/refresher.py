"""Read again what is asked for often, before anybody has to wait for it, many by one request.

A request costs ten times what the rows of a domain do. Nobody waits for these reads, so they
are gathered for a moment, and none goes out while others wait for Cassandra.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from shared.errors import NodeFullError
from shared.model.domain import DomainName

GATHER_SECONDS = 0.05
MOST = 256
"""At a time: what goes out at once, as eight requests of 32 domains. A GET that comes to need one
of these reads stands in the line of the bulk requests, so none may be behind thousands."""


class _Reader(Protocol):
    """What knows whether there is time (see CounterReader)."""

    @property
    def idle(self) -> bool: ...


class Refresher:
    """What is to be read again; to be closed.

    *begin* begins the read of a domain if it is still due, and may raise NodeFullError.
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
        """Begin nothing any more."""
        if self._timer is not None:
            self._timer.cancel()

    def schedule(self, domain: DomainName) -> None:
        """Read *domain* soon; what finds no room or time is forgotten, to be added again."""
        if len(self._due) < MOST:
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
