"""Bring a client that comes back up to date: from history, else from Kafka."""

import asyncio
from collections.abc import Callable

import structlog

from query.changes.change_filter import ChangeFilter
from query.changes.client import ChangeClient
from query.changes.event_id import Offsets, reaches, widen
from query.changes.event_stream import Lost, encode_change, encode_data
from query.changes.feed import ChangeFeed
from query.changes.metrics import ChangeMetrics
from query.changes.status_history import StatusChange
from query.changes.tail import OpenTopicReader
from query.changes.topic_reader import TopicReader
from shared.errors import LogRewrittenError

log = structlog.stdlib.get_logger(__name__)

_PIECE_BYTES = 64 * 1024
_LOOK_SECONDS = 0.05
_AHEAD_SECONDS = 3.0
"""How long this node may need to get to where another one already was."""
_REPLAY_SECONDS = 60.0


class _OutOfRangeError(Exception):
    """The client names offsets that the topic does not have."""


class Resumer:
    """Tells clients what they have missed, a bounded number of them from Kafka at once."""

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
        """Whether a client from *offsets* can be served now."""
        return not self._slots.locked() or not self._needs_kafka(self._widened(offsets))

    async def resume(self, client: ChangeClient, offsets: Offsets) -> None:
        """Tell *client* all that comes after *offsets*, then let it join the others.

        Raises BrokerUnavailableError and TimeoutError; what was told until then is not lost,
        as the client knows where it is.
        """
        try:
            await self._catch_up(client, self._widened(offsets))
        except _OutOfRangeError:
            self._feed.resync(client, Lost.OUT_OF_RANGE)

    async def _catch_up(self, client: ChangeClient, at: Offsets) -> None:
        feed = self._feed
        while await self._await_feed(at):
            at = self._widened(at)
            if feed.replay_buffer.covers(at):
                told = feed.replay_buffer.after(at, _PIECE_BYTES)
                if not told:
                    feed.join(client)
                    return
                blocks = _Blocks(at)
                for one in told:
                    news = None if self._filter.is_duplicate(one.news) else one.news
                    blocks.tell(one.news.partition, one.news.offset + 1, news, one.data)
                at = await self._send(client, blocks)
            elif self._distance(at) > feed.settings.replay_records:
                feed.resync(client, Lost.TOO_FAR_BEHIND)
                return
            else:
                async with self._slots:
                    self._metrics.replays.inc()
                    async with asyncio.timeout(_REPLAY_SECONDS), self._open_reader() as source:
                        at = await self._replay(client, source, at)
            if client.ended.is_set():
                return
        raise _OutOfRangeError

    async def _replay(self, client: ChangeClient, source: TopicReader, at: Offsets) -> Offsets:
        """Tell *client* from Kafka what the node knew when this began; return where it is then."""
        goal = self._feed.offsets
        behind = {p: offset for p, offset in enumerate(at) if offset < goal[p]}
        starts = await source.starts()
        if any(offset < starts[partition] for partition, offset in behind.items()):
            raise _OutOfRangeError
        source.read_from(behind)
        blocks = _Blocks(at)
        while behind and not client.ended.is_set():
            try:
                batches = await source.fetch()
            except LogRewrittenError as error:
                raise _OutOfRangeError from error
            for partition, records in batches.items():
                wanted = [record for record in records if record.offset < goal[partition]]

                def tell(
                    offset: int, news: StatusChange | None, partition: int = partition
                ) -> None:
                    data = encode_data(news.answer) if news else b""
                    blocks.tell(partition, offset, news, data)

                await self._filter.apply(partition, wanted, tell)
                await self._send(client, blocks)
            for partition in list(behind):
                if await source.next_offset(partition) >= goal[partition]:
                    blocks.tell(partition, goal[partition], None, b"")
                    del behind[partition]
        return tuple(blocks.at)

    async def _send(self, client: ChangeClient, blocks: "_Blocks") -> Offsets:
        client.write(blocks.take())
        if not await client.drained():
            self._feed.give_up(client)
        return tuple(blocks.at)

    async def _await_feed(self, at: Offsets) -> bool:
        """Wait until this node is where *at* is; False if the topic has no such place."""
        give_up = self._clock() + _AHEAD_SECONDS
        while not reaches(self._feed.offsets, at):
            if self._feed.late:
                give_up = self._clock() + _AHEAD_SECONDS
            elif self._clock() > give_up:
                return False
            await asyncio.sleep(_LOOK_SECONDS)
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


class _Blocks:
    """Text for one client, whose ids are where it is: it may have read partitions otherwise."""

    def __init__(self, at: Offsets) -> None:
        self.at = list(at)
        self._blocks: list[bytes] = []

    def tell(
        self, partition: int, next_offset: int, news: StatusChange | None, data: bytes
    ) -> None:
        """Go on to *next_offset*, with *news* if there are any."""
        self.at[partition] = max(self.at[partition], next_offset)
        if news is not None:
            self._blocks.append(encode_change(self.at, data))

    def take(self) -> bytes:
        """Return what was told since, and forget it."""
        data = b"".join(self._blocks)
        self._blocks.clear()
        return data
