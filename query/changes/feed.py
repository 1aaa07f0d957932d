"""Send each change of status once and in order to every client, encoded once for all of them."""

import asyncio
import random
from collections.abc import Callable
from time import time

from query.changes.client import ChangeClient
from query.changes.event_id import Offsets, reaches
from query.changes.event_stream import (
    HEARTBEAT,
    NoStream,
    ResyncReason,
    encode_change,
    encode_data,
    encode_late,
    encode_no_stream,
    encode_position,
    encode_preamble,
    encode_recent,
    encode_resync,
)
from query.changes.metrics import ChangeMetrics
from query.changes.replay_buffer import BufferedChange, ReplayBuffer
from query.changes.status_change import StatusChange
from query.config import ChangesSettings

_CHECK_SECONDS = 1.0
_JITTER = 0.2
_RETRY_MS = (1_000, 3_000)
"""The range of the clients' reconnection times: all clients of a node that stops reconnect."""
_CROWDED_RETRY_MS = (5_000, 15_000)
"""There may be thousands of them, and room for one when another leaves."""
_TICK_BYTES = 64 * 1024
"""The most bytes per tick: after a burst not every client must look too slow."""


class ChangeFeed:
    """The clients of one node, and their common position in the topic.

    ``offsets`` is that position: everything before it was sent, or is no change. It is empty until
    the node has found the topic.
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
        self._has_pending = asyncio.Event()
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
        """Whether the node has reached its limit of clients."""
        return len(self._clients) >= self.settings.max_clients

    def reset(self, offsets: Offsets, goal: Offsets) -> None:
        """Start at *offsets*. The feed accepts clients once it reaches *goal*.

        Clients that are connected already followed another topic: they must resync.
        """
        self.flush()
        self._offsets = list(offsets)
        self._goal = goal
        self.replay_buffer = ReplayBuffer(offsets, self.settings.ring_bytes)
        self.ready = reaches(offsets, goal)
        for client in list(self._live):
            self._resync(client, ResyncReason.OUT_OF_RANGE)

    def add_partitions(self, partitions: int) -> None:
        """Follow *partitions* in all; new ones from their beginning."""
        self._offsets += [0] * (partitions - len(self._offsets))
        self.replay_buffer.add_partitions(partitions)

    def publish(self, partition: int, next_offset: int, change: StatusChange | None) -> None:
        """Advance to *next_offset*, and send *change*, if any, at the next tick."""
        self._offsets[partition] = next_offset
        self.ready = self.ready or reaches(self._offsets, self._goal)
        self._moved = True
        if change is not None:
            buffered = BufferedChange(change, encode_data(change.answer))
            self.replay_buffer.append(buffered)
            block = encode_change(self._offsets, buffered.data)
            self._pending.append(block)
            self._pending_bytes += len(block)
            self._moved = False
            self._metrics.record_change(
                change.answer.status, max(0.0, time() - change.appended_at / 1000)
            )
        self._has_pending.set()

    async def wait_for_room(self) -> None:
        """Wait while the next tick is full."""
        while self._pending_bytes > _TICK_BYTES:  # noqa: ASYNC110 the next tick makes room
            await asyncio.sleep(self.settings.tick_seconds)

    def flush(self) -> None:
        """Write everything pending to all live clients."""
        self._has_pending.clear()
        if self._moved:
            # A client that resumes need not read again what the node has skipped.
            self._pending.append(encode_position(self._offsets))
            self._moved = False
        data = b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        if data:
            self._write(self._live, data)

    def set_late(self, late: bool) -> None:  # noqa: FBT001 it is what the name says
        """Announce to all clients that changes may be late, or no longer are, if that is new."""
        if late != self.late:
            self.late = late
            self._metrics.late.set(late)
            self._write(self._clients, encode_late(late))

    def admit(self, transport: asyncio.Transport) -> ChangeClient:
        """Return the client of a connection. It gets no changes until it joins."""
        age = self.settings.connection_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 not for security
        client = ChangeClient(transport, self.settings.client_bytes, self._clock() + age)
        self._clients.add(client)
        self._metrics.clients.set(len(self._clients))
        return client

    def refuse(self, reason: NoStream) -> bytes:
        """Count a client that gets no changes now, and return its whole stream."""
        self._metrics.count_refusal(reason)
        crowded = reason in {NoStream.TOO_MANY_CLIENTS, NoStream.TOO_MANY_REPLAYS}
        range_ms = _CROWDED_RETRY_MS if crowded else _RETRY_MS
        return encode_no_stream(reason, random.randint(*range_ms))  # noqa: S311 not for security

    def send_preamble(self, client: ChangeClient) -> None:
        """Send the blocks that begin every stream."""
        client.write(encode_preamble(random.randint(*_RETRY_MS)))  # noqa: S311 not for security
        if self.late:
            client.write(encode_late(late=True))

    def join(self, client: ChangeClient, recent: int = 0) -> None:
        """Send all further changes to *client*, which has all changes until now.

        Before them it gets the last *recent* changes, as one event.
        """
        self.flush()
        if recent:
            self._send(client, encode_recent(self.replay_buffer.newest(recent)))
        self._send(client, encode_position(self._offsets))
        self._live.add(client)

    def resync(self, client: ChangeClient, reason: ResyncReason) -> None:
        """Send *client* a resync event, and all further changes."""
        self.flush()
        self._resync(client, reason)
        self.join(client)

    def disconnect_slow(self, client: ChangeClient) -> None:
        """End the stream of a client that is too slow."""
        self._live.discard(client)
        self._resync(client, ResyncReason.TOO_SLOW)
        client.end()

    def leave(self, client: ChangeClient) -> None:
        """Remove a client whose connection has ended."""
        client.end()
        self._live.discard(client)
        self._clients.discard(client)
        self._metrics.clients.set(len(self._clients))

    def stop(self) -> None:
        """Flush, then end all streams. Clients resume at another node."""
        self.stopping = True
        self.flush()
        for client in self._clients:
            client.end()

    async def run_flushes(self) -> None:
        """Flush once per tick while anything is pending, until cancelled."""
        while True:
            await self._has_pending.wait()
            await asyncio.sleep(self.settings.tick_seconds)
            self.flush()

    async def run_heartbeats(self) -> None:
        """Send heartbeats, and end the streams of closed and old connections, until cancelled."""
        beat_at = self._clock() + self.settings.heartbeat_seconds
        while True:
            await asyncio.sleep(_CHECK_SECONDS)
            now = self._clock()
            if now >= beat_at:
                beat_at = now + self.settings.heartbeat_seconds
                self._write(self._clients, HEARTBEAT)
            for client in self._clients:
                if client.gone or now > client.ends_at:
                    client.end()

    def _write(self, clients: set[ChangeClient], data: bytes) -> None:
        # A copy: a client that cannot take the data leaves the set.
        written = sum([self._send(client, data) for client in list(clients)])
        self._metrics.sent_bytes.inc(written * len(data))

    def _send(self, client: ChangeClient, data: bytes) -> bool:
        if client.gone or client.ended.is_set():
            self._live.discard(client)
            client.end()
            return False
        if client.too_slow:
            self.disconnect_slow(client)
            return False
        client.write(data)
        return True

    def _resync(self, client: ChangeClient, reason: ResyncReason) -> None:
        if not client.gone and not client.ended.is_set():
            self._metrics.count_resync(reason)
            client.write(encode_resync(self._offsets, reason))
