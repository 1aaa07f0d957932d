"""Send a client that reconnects what it missed: from the replay buffer, else from Kafka."""

import asyncio
from collections.abc import Callable

import structlog

from query.changes.change_filter import ChangeFilter
from query.changes.client import ChangeClient
from query.changes.event_id import Offsets, reaches, widen
from query.changes.event_stream import ResyncReason, encode_change, encode_data
from query.changes.feed import ChangeFeed
from query.changes.metrics import ChangeMetrics
from query.changes.status_change import StatusChange
from query.changes.tail import OpenTopicReader
from query.changes.topic_reader import TopicReader
from shared.errors import LogRewrittenError

log = structlog.stdlib.get_logger(__name__)

_PIECE_BYTES = 64 * 1024
_POLL_SECONDS = 0.05
_AHEAD_SECONDS = 3.0
"""The time for this node to reach a position that another node has reached already."""
_REPLAY_SECONDS = 60.0


class _OutOfRangeError(Exception):
    """The topic does not have the client's offsets."""


class Resumer:
    """Sends clients the changes they missed, to a limited number of them from Kafka at once."""

    def __init__(
        self,
        feed: ChangeFeed,
        change_filter: ChangeFilter,
        open_reader: OpenTopicReader,
        metrics: ChangeMetrics,
        clock: Callable[[], float],
    ) -> None:
        self._feed = feed
        self._filter = change_filter
        self._open_reader = open_reader
        self._metrics = metrics
        self._clock = clock
        self._slots = asyncio.Semaphore(feed.settings.max_replays)

    def has_room(self, offsets: Offsets) -> bool:
        """Whether a client at *offsets* can be resumed now."""
        return not self._slots.locked() or not self._needs_kafka(self._widened(offsets))

    async def resume(self, client: ChangeClient, offsets: Offsets) -> None:
        """Send *client* all changes after *offsets*, then let it join the others.

        Raises BrokerUnavailableError and TimeoutError. The client resumes after the changes that
        were sent by then, because each has its position as id.
        """
        try:
            await self._catch_up(client, self._widened(offsets))
        except _OutOfRangeError:
            self._feed.resync(client, ResyncReason.OUT_OF_RANGE)

    async def _catch_up(self, client: ChangeClient, at: Offsets) -> None:
        feed = self._feed
        while await self._wait_for_feed(at):
            at = self._widened(at)
            if feed.replay_buffer.covers(at):
                missed = feed.replay_buffer.read_after(at, _PIECE_BYTES)
                if not missed:
                    feed.join(client)
                    return
                blocks = _ClientBlocks(at)
                for buffered in missed:
                    change = buffered.change
                    is_new = not self._filter.is_duplicate(change)
                    blocks.advance(
                        change.partition, change.offset + 1, buffered.data if is_new else None
                    )
                at = await self._send(client, blocks)
            elif self._distance(at) > feed.settings.replay_records:
                feed.resync(client, ResyncReason.TOO_FAR_BEHIND)
                return
            else:
                async with self._slots:
                    self._metrics.replays.inc()
                    async with asyncio.timeout(_REPLAY_SECONDS), self._open_reader() as reader:
                        at = await self._replay(client, reader, at)
            if client.ended.is_set():
                return
        raise _OutOfRangeError

    async def _replay(self, client: ChangeClient, reader: TopicReader, at: Offsets) -> Offsets:
        """Send *client* from Kafka what the feed had sent at this moment; return its position."""
        goal = self._feed.offsets
        behind = {p: offset for p, offset in enumerate(at) if offset < goal[p]}
        starts = await reader.start_offsets()
        if any(offset < starts[partition] for partition, offset in behind.items()):
            raise _OutOfRangeError
        reader.assign(behind)
        blocks = _ClientBlocks(at)
        while behind and not client.ended.is_set():
            try:
                batches = await reader.fetch()
            except LogRewrittenError as error:
                raise _OutOfRangeError from error
            for partition, records in batches.items():
                wanted = [record for record in records if record.offset < goal[partition]]

                def emit(
                    offset: int, change: StatusChange | None, partition: int = partition
                ) -> None:
                    blocks.advance(
                        partition, offset, encode_data(change.answer) if change else None
                    )

                await self._filter.process(partition, wanted, emit)
                await self._send(client, blocks)
            for partition in list(behind):
                if await reader.next_offset(partition) >= goal[partition]:
                    blocks.advance(partition, goal[partition], None)
                    del behind[partition]
        return tuple(blocks.at)

    async def _send(self, client: ChangeClient, blocks: "_ClientBlocks") -> Offsets:
        client.write(blocks.take())
        if not await client.wait_drained():
            self._feed.disconnect_slow(client)
        return tuple(blocks.at)

    async def _wait_for_feed(self, at: Offsets) -> bool:
        """Wait until the feed reaches *at*. Return False if the topic has no such position."""
        give_up = self._clock() + _AHEAD_SECONDS
        while not reaches(self._feed.offsets, at):
            if self._feed.late:
                give_up = self._clock() + _AHEAD_SECONDS
            elif self._clock() > give_up:
                return False
            await asyncio.sleep(_POLL_SECONDS)
        return True

    def _needs_kafka(self, at: Offsets) -> bool:
        return (
            reaches(self._feed.offsets, at)
            and not self._feed.replay_buffer.covers(at)
            and self._distance(at) <= self._feed.settings.replay_records
        )

    def _widened(self, offsets: Offsets) -> Offsets:
        return widen(offsets, len(self._feed.offsets))

    def _distance(self, at: Offsets) -> int:
        return sum(self._feed.offsets) - sum(at)


class _ClientBlocks:
    """Encoded changes for one client; the ids are its own position.

    It may differ from every position of this node: another node read the partitions in another
    order.
    """

    def __init__(self, at: Offsets) -> None:
        self.at = list(at)
        self._blocks: list[bytes] = []

    def advance(self, partition: int, next_offset: int, data: bytes | None) -> None:
        """Advance to *next_offset*; *data* is the encoded change before it, if any."""
        self.at[partition] = max(self.at[partition], next_offset)
        if data is not None:
            self._blocks.append(encode_change(self.at, data))

    def take(self) -> bytes:
        """Return the blocks since the last call."""
        data = b"".join(self._blocks)
        self._blocks.clear()
        return data
