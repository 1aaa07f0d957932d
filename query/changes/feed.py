"""Tell every client each change of status once, in order, from the same bytes."""

import asyncio
import random
from collections.abc import Callable
from time import time

from query.changes.client import ChangeClient
from query.changes.event_id import Offsets, reaches
from query.changes.event_stream import (
    HEARTBEAT,
    Lost,
    encode_change,
    encode_data,
    encode_hello,
    encode_late,
    encode_place,
    encode_resync,
)
from query.changes.metrics import ChangeMetrics
from query.changes.replay_buffer import BufferedChange, ReplayBuffer
from query.changes.status_history import StatusChange
from query.config import ChangesSettings

_LOOK_SECONDS = 1.0
_JITTER = 0.2
_RETRY_MS = (1_000, 3_000)
"""After how long clients come back, each at a time of its own: a node that ends has many."""
_TICK_BYTES = 64 * 1024
"""So much at most is told per tick: a burst must not look as if all clients were slow."""


class ChangeFeed:
    """The clients of one node, and the place in the topic up to which all of them know it.

    ``offsets`` is that place: everything before it was told, or is no news. It is empty until
    the topic was found.
    """

    def __init__(
        self,
        settings: ChangesSettings,
        metrics: ChangeMetrics,
        clock: Callable[[], float],
    ) -> None:
        self.settings = settings
        self._metrics = metrics
        self._clock = clock
        self._clients: set[ChangeClient] = set()
        self._live: set[ChangeClient] = set()
        self._offsets: list[int] = []
        self._goal: Offsets = ()
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._moved = False
        self._news = asyncio.Event()
        self.replay_buffer = ReplayBuffer((), settings.ring_bytes)
        self.ready = False
        self.late = True
        self.stopping = False

    @property
    def offsets(self) -> Offsets:
        """The next offset of each partition."""
        return tuple(self._offsets)

    @property
    def full(self) -> bool:
        """Whether there is no room for another client."""
        return len(self._clients) >= self.settings.max_clients

    def begin(self, offsets: Offsets, goal: Offsets) -> None:
        """Start at *offsets*; clients may come once *goal* is reached.

        Where there are clients, the topic is another one: all of them have to read anew.
        """
        self.flush()
        self._offsets = list(offsets)
        self._goal = goal
        self.replay_buffer = ReplayBuffer(offsets, self.settings.ring_bytes)
        self.ready = reaches(offsets, goal)
        for client in list(self._live):
            self._resync(client, Lost.OUT_OF_RANGE)

    def grow(self, partitions: int) -> None:
        """Know of new partitions, which are read from their beginning."""
        self._offsets += [0] * (partitions - len(self._offsets))
        self.replay_buffer.grow(partitions)

    def tell(self, partition: int, next_offset: int, news: StatusChange | None) -> None:
        """Go on to *next_offset*, and tell *news* if there are any, with the next tick."""
        self._offsets[partition] = next_offset
        self.ready = self.ready or reaches(self._offsets, self._goal)
        self._moved = True
        if news is not None:
            told = BufferedChange(news, encode_data(news.answer))
            self.replay_buffer.add(told)
            block = encode_change(self._offsets, told.data)
            self._pending.append(block)
            self._pending_bytes += len(block)
            self._moved = False
            self._metrics.told(news.answer.status, max(0.0, time() - news.appended_at / 1000))
        self._news.set()

    async def room(self) -> None:
        """Wait while a tick has as much to tell as it may."""
        while self._pending_bytes > _TICK_BYTES:  # noqa: ASYNC110 the next tick makes room
            await asyncio.sleep(self.settings.tick_seconds)

    def flush(self) -> None:
        """Write what is to be told to all clients that are up to date."""
        self._news.clear()
        if self._moved:
            # What was passed over since need not be read again by who resumes.
            self._pending.append(encode_place(self._offsets))
            self._moved = False
        data = b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        if data:
            self._write(self._live, data)

    def set_late(self, late: bool) -> None:  # noqa: FBT001 it is what the name says
        """Say whether news may be late, to whom it is new."""
        if late != self.late:
            self.late = late
            self._metrics.late.set(late)
            self._write(self._clients, encode_late(late))

    def admit(self, transport: asyncio.Transport) -> ChangeClient:
        """Return the client of a connection; it is told nothing until it joins."""
        age = self.settings.connection_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 nothing is to be guessed
        client = ChangeClient(transport, self.settings.client_bytes, self._clock() + age)
        self._clients.add(client)
        self._metrics.clients.set(len(self._clients))
        return client

    def greet(self, client: ChangeClient) -> None:
        """Say what every stream begins with."""
        client.write(encode_hello(random.randint(*_RETRY_MS)))  # noqa: S311 nothing is to be guessed
        if self.late:
            client.write(encode_late(late=True))

    def join(self, client: ChangeClient) -> None:
        """Tell *client*, who knows all up to now, everything from now on."""
        self.flush()
        self._send(client, encode_place(self._offsets))
        self._live.add(client)

    def resync(self, client: ChangeClient, why: Lost) -> None:
        """Tell *client* to read its domains anew, and everything from now on."""
        self.flush()
        self._resync(client, why)
        self.join(client)

    def give_up(self, client: ChangeClient) -> None:
        """End the stream of a client that is too slow."""
        self._live.discard(client)
        self._resync(client, Lost.TOO_SLOW)
        client.end()

    def leave(self, client: ChangeClient) -> None:
        """Forget a client whose connection has ended."""
        client.end()
        self._live.discard(client)
        self._clients.discard(client)
        self._metrics.clients.set(len(self._clients))

    def stop(self) -> None:
        """End all streams in order: clients resume at another node."""
        self.stopping = True
        self.flush()
        for client in self._clients:
            client.end()

    async def keep_telling(self) -> None:
        """Flush once per tick in which there is anything, until cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(self.settings.tick_seconds)
            self.flush()

    async def keep_alive(self) -> None:
        """Send heartbeats, and look for clients that are gone or old, until cancelled."""
        beat_at = self._clock() + self.settings.heartbeat_seconds
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = self._clock()
            if now >= beat_at:
                beat_at = now + self.settings.heartbeat_seconds
                self._write(self._clients, HEARTBEAT)
            for client in self._clients:
                if client.gone or now > client.ends_at:
                    client.end()

    def _write(self, clients: set[ChangeClient], data: bytes) -> None:
        # A copy: who cannot take it leaves.
        written = sum([self._send(client, data) for client in list(clients)])
        self._metrics.sent_bytes.inc(written * len(data))

    def _send(self, client: ChangeClient, data: bytes) -> bool:
        if client.gone or client.ended.is_set():
            self._live.discard(client)
            client.end()
            return False
        if client.too_slow:
            self.give_up(client)
            return False
        client.write(data)
        return True

    def _resync(self, client: ChangeClient, why: Lost) -> None:
        if not client.gone and not client.ended.is_set():
            self._metrics.resynced(why)
            client.write(encode_resync(self._offsets, why))
