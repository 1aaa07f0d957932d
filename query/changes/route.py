"""Handle ``GET /changes``: a long-lived stream of server-sent events."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

from aiohttp import web
from prometheus_client import CollectorRegistry

from query.changes.change_filter import AnswerSource, ChangeFilter
from query.changes.client import ChangeClient
from query.changes.event_id import Offsets, parse_id
from query.changes.event_stream import TEXT_TYPE, NoStream
from query.changes.feed import ChangeFeed
from query.changes.metrics import ChangeMetrics
from query.changes.resume import Resumer
from query.changes.status_history import StatusHistory
from query.changes.tail import open_tail
from query.changes.topic_reader import open_topic_reader
from query.config import QueryConfig
from shared.errors import BrokerUnavailableError, InputError
from shared.http.application import Route
from shared.http.observability.request_ids import REQUEST_ID, id_to_answer
from shared.kafka.rights import Right, require_access
from shared.model.scope import Scope
from shared.problems import Problem

LAST_EVENT_ID, RECENT = "lastEventId", "recent"
MAX_RECENT = 100
RECENT_FORM = f"a number from 1 to {MAX_RECENT}"
_DIGITS = re.compile("[0-9]{1,9}")
_HEADERS = {
    "Content-Type": TEXT_TYPE,
    "Cache-Control": "no-store",
    # Else nginx would buffer the events.
    "X-Accel-Buffering": "no",
}


class _EventStream(web.StreamResponse):
    """A response whose body ends with its connection, so that all clients get the same bytes.

    ``_length_check`` is off, as for aiohttp's WebSockets; else aiohttp would send chunks.
    """

    _length_check = False

    def __init__(self) -> None:
        super().__init__(status=HTTPStatus.OK, headers=_HEADERS)
        self.force_close()


class ChangesHandler:
    """The handler of the feed's route."""

    def __init__(self, feed: ChangeFeed, resumer: Resumer) -> None:
        self._feed = feed
        self._resumer = resumer

    async def get_changes(self, request: web.Request) -> web.StreamResponse:
        """``GET /changes``: changes after the last event id, else from now on."""
        offsets, recent = _position_of(request), _recent_of(request)
        transport = request.transport
        if request.method == "HEAD" or transport is None:
            return _EventStream()
        stream = _EventStream()
        if (request_id := id_to_answer(request, stream.status)) is not None:
            stream.headers[REQUEST_ID] = request_id
        await stream.prepare(request)
        obstacle = self._obstacle(offsets)
        if obstacle is not None:
            await stream.write(self._feed.refuse(obstacle))
            return stream
        client = self._feed.admit(transport)
        try:
            self._feed.send_preamble(client)
            async with asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(self._serve(client, offsets, recent))
                await client.ended.wait()
                serving.cancel()
        finally:
            self._feed.leave(client)
        return stream

    def _obstacle(self, offsets: Offsets | None) -> NoStream | None:
        if self._feed.stopping:
            return NoStream.STOPPING
        if not self._feed.ready:
            return NoStream.NOT_CAUGHT_UP
        if self._feed.full:
            return NoStream.TOO_MANY_CLIENTS
        if offsets is not None and not self._resumer.has_room(offsets):
            return NoStream.TOO_MANY_REPLAYS
        return None

    async def _serve(self, client: ChangeClient, offsets: Offsets | None, recent: int) -> None:
        if offsets is None:
            self._feed.join(client, recent)
            return
        try:
            await self._resumer.resume(client, offsets)
        except (BrokerUnavailableError, TimeoutError):
            # The client reconnects and resumes from its position.
            client.end()

    def stop(self) -> None:
        """End every stream: they are endless, and the server would wait for them."""
        self._feed.stop()

    def route(self) -> Route:
        """Return the route of the traffic port."""
        return Route("GET", "/changes", self.get_changes, Scope.QUERY)


def _position_of(request: web.Request) -> Offsets | None:
    """Return the position to resume from. Raises InputError.

    EventSource sends the header when it reconnects. Polyfills cannot set a header, and a client
    that resumes from a stored id has no other way: they send the parameter, which may be older.
    """
    text = request.headers.get("Last-Event-ID") or request.query.get(LAST_EVENT_ID, "")
    return parse_id(text) if text else None


def _recent_of(request: web.Request) -> int:
    """Return how many changes from before a new client wants. Raises InputError."""
    text = request.query.get(RECENT)
    if text is None:
        return 0
    if not _DIGITS.fullmatch(text) or not 1 <= int(text) <= MAX_RECENT:
        raise InputError(Problem.INVALID_PARAMETER, name=RECENT, form=RECENT_FORM)
    return int(text)


@asynccontextmanager
async def open_changes(
    config: QueryConfig, answers: AnswerSource, registry: CollectorRegistry
) -> AsyncIterator[ChangesHandler]:
    """Follow the topic of changes, and yield the handler of the feed.

    Raises AccessDeniedError if this node has no right to read the topic.
    """
    await require_access(config.kafka, {config.kafka.changes_topic: Right.READ})
    metrics = ChangeMetrics(registry)
    clock = asyncio.get_running_loop().time
    feed = ChangeFeed(config.changes, metrics, clock)
    history = StatusHistory(config.changes.remembered_domains)
    change_filter = ChangeFilter(answers, config.query.threshold, history, metrics)
    open_reader = partial(open_topic_reader, config.kafka)
    resumer = Resumer(feed, change_filter, open_reader, metrics, clock)
    async with open_tail(open_reader, change_filter, feed, metrics):
        yield ChangesHandler(feed, resumer)
