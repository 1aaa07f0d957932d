"""Answer hot requests without a parser, a task and a request object for each.

Nearly all of a small request's CPU time is aiohttp's, so a connection looks at what arrives between
two requests. If that is exactly one complete, plain head of a hot request, one regular expression
reads it, and the answer is written as soon as it is known. Everything else goes to aiohttp as it
came: a body, a second request behind the first, half a head, a field that is not listed here, a
field twice, and every request that would be refused. So each refusal has one place.

The lane has no rules of its own: the tier decides with the objects that its handlers use
(``HotRequests``). Without the lane a server answers the same, more slowly:
``tests/unit/ingest/test_fast_lane_properties.py`` compares the two.
"""

import asyncio
import re
from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from typing import Any, ClassVar, NamedTuple, Protocol

from aiohttp import web
from aiohttp.http import RawRequestMessage

from shared.http.connection import Connection
from shared.http.observability.metrics import NO_ERROR, RouteMetrics
from shared.http.observability.request_ids import ID_PATTERN, REQUEST_ID
from shared.http.prebuilt_response import PrebuiltResponse, encode_field, render
from shared.http.problems import code_of

Head = re.Match[bytes]
"""A head that was recognised; its groups have the names of the fields."""

_MAX_HEAD_BYTES = 4 * 1024
_MAX_HELD_BYTES = 64 * 1024
"""Beyond it, the connection reads no more until the request in the lane is answered."""
_MAX_UNREAD_BYTES = 16 * 1024
"""Of answers. Beyond it, aiohttp answers, which waits until the client reads."""
_HEAD_END = b"\r\n\r\n"
_UNKNOWN = -1
_FIELDS: Mapping[str, bytes] = {
    "Host": rb"[A-Za-z0-9.:\[\]_-]+",
    "Connection": rb"(?i:keep-alive)",
    "Content-Length": rb"0",
    "Authorization": rb"[!-~]+ [!-~]+",
    "X-Request-Id": ID_PATTERN.encode(),
    "Traceparent": rb"[!-~]+",
}
"""The fields with a meaning, and the values that the lane knows."""
_WITHOUT_MEANING = (
    *("Accept", "Accept-Encoding", "Accept-Language", "Baggage", "Cache-Control", "Content-Type"),
    *("Forwarded", "Pragma", "Referer", "Tracestate", "User-Agent", "Via", "X-Real-IP"),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto"),
)
"""No handler reads these in a request without a body."""
_ANY_VALUE = rb"[ -~]*"


Answer = PrebuiltResponse | web.Response


class Pending(NamedTuple):
    """A request that was accepted and whose answer is not known yet."""

    outcome: "asyncio.Future[Any]"
    conclude: Callable[[Any], Answer]
    """Returns the answer; it is called once with the result of *outcome*, which must not fail."""


class HotRequests(Protocol):
    """The hot requests of a tier: their form, and what answers them."""

    line: ClassVar[bytes]
    """A regular expression of method and target, with named groups."""
    fields: ClassVar[Mapping[str, bytes]]
    """The header fields that they may have in addition, with an expression of the value."""

    def route_of(self, head: Head) -> RouteMetrics:
        """Return the metrics of the route."""

    def accept(self, head: Head) -> PrebuiltResponse | Pending | None:
        """Return the answer, now or pending.

        None: the request goes to its handler, as if it had not been seen. Never raises.
        """


class FastLane:
    """Recognises the hot requests of a tier; all its answers have *headers*."""

    def __init__(self, hot: HotRequests, headers: Mapping[str, str]) -> None:
        self.hot = hot
        self.common_fields = b"".join(encode_field(*field) for field in headers.items())
        any_value = dict.fromkeys(_WITHOUT_MEANING, _ANY_VALUE)
        fields = {**_FIELDS, **hot.fields, **any_value}
        first = re.compile(hot.line).groups + 1
        lines = [_line(number, *field) for number, field in enumerate(fields.items(), first)]
        # HTTP/1.1 demands a Host (RFC 9112, 3.2).
        self._match = re.compile(
            rb"%b HTTP/1\.1\r\n(?:%b)++(?(host)|(?!))\r\n" % (hot.line, b"|".join(lines))
        ).fullmatch

    def recognise(self, data: bytes) -> Head | None:
        """Return the head if *data* is exactly that of one hot, plain request."""
        return self._match(data) if len(data) <= _MAX_HEAD_BYTES else None


def _line(group: int, name: str, value: bytes) -> bytes:
    """Return the expression of a field, unless *group*, its own, has matched already."""
    named = name.lower().replace("-", "_").encode()
    return rb"(?i:%b)(?(%d)(?!)): ?(?P<%b>%b)\r\n" % (name.encode(), group, named, value)


class FastLaneConnection(Connection):
    """A connection that answers hot requests itself, in turn with those that aiohttp answers."""

    __slots__ = ("_held", "_held_bytes", "_in_lane", "_lane", "_left")

    def __init__(self, lane: FastLane, *args: Any) -> None:
        super().__init__(*args)
        self._lane = lane
        self._in_lane = False
        self._held: list[bytes] = []
        """What arrived behind the request in the lane, piece by piece: the parser drops a request
        if it finds an error behind it in the same piece."""
        self._held_bytes = 0
        self._left = 0
        """The bytes that the request in aiohttp's parser still needs. 0: the next byte begins a
        request. Unknown once that is not obvious, and then aiohttp has the connection for good."""

    def data_received(self, data: bytes) -> None:
        """Answer *data* if it is a hot request, hold it if it is behind one, or let aiohttp."""
        if self._in_lane:
            self._held.append(data)
            self._held_bytes += len(data)
            if self._held_bytes > _MAX_HELD_BYTES and not self._buffer_paused:
                self._pause_reading_for_buffer()
            return
        if self._left == 0 and self.idle:
            head = self._lane.recognise(data)
            if head is not None and self._take(head):
                return
        self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        """Let aiohttp have *data*, and note where the next request begins."""
        begins = self._left == 0
        already = len(self._messages)
        super().data_received(data)
        if not begins:
            self._left = max(_UNKNOWN, self._left - len(data))
        elif data:
            found = [message for message, _ in list(self._messages)[already:]]
            self._left = _UNKNOWN if len(found) != 1 else _left_of(found[0], data)

    def _take(self, head: Head) -> bool:
        """Answer the request of *head*, now or later. Return False if its handler has to."""
        spans = self._server.instrumentation.spans
        if not self._may_write() or (
            spans is not None and (spans.is_due or head["traceparent"] is not None)
        ):
            return False
        began_at = perf_counter()
        answer = self._lane.hot.accept(head)
        if answer is None:
            return False
        if spans is not None:
            spans.pass_over()
        metrics = self._lane.hot.route_of(head)
        if isinstance(answer, PrebuiltResponse):
            self._answer(head, metrics, began_at, answer)
            return True
        metrics.active += 1
        # aiohttp's own flag: a server that ends waits for this request as for any other.
        self._in_lane = self._request_in_progress = True
        conclude = partial(self._conclude, head, metrics, began_at, answer.conclude)
        answer.outcome.add_done_callback(conclude)
        return True

    def _conclude(
        self,
        head: Head,
        metrics: RouteMetrics,
        began_at: float,
        conclude: Callable[[Any], Answer],
        outcome: "asyncio.Future[Any]",
    ) -> None:
        metrics.active -= 1
        self._in_lane = self._request_in_progress = False
        self._answer(head, metrics, began_at, conclude(outcome.result()))
        if self._handler_waiter is not None and not self._handler_waiter.done():
            self._handler_waiter.set_result(None)
        held, self._held, self._held_bytes = self._held, [], 0
        for piece in held:
            self.data_received(piece)  # holds it again if it is behind the next such request
        if self._buffer_paused and not self._in_lane:
            self._resume_reading_if_drained()

    def _answer(self, head: Head, metrics: RouteMetrics, began_at: float, response: Answer) -> None:
        code = None if isinstance(response, PrebuiltResponse) else code_of(response)
        metrics.record(response.status, perf_counter() - began_at, code or NO_ERROR)
        transport = self.transport
        if transport is None or transport.is_closing():
            return  # the client has gone
        fields = self._lane.common_fields
        if (sent_id := head["x_request_id"]) is not None:
            fields += encode_field(REQUEST_ID, sent_id.decode())
        if isinstance(response, PrebuiltResponse):
            if self._may_write():
                transport.write(response.encode(fields))
                self._restart_idle_time()
                return
            response = response.build()
        if self._close:  # the server's time is over: aiohttp accepts nothing more
            response.force_close()
            transport.write(render(response, fields))
        else:
            self._answer_as_handler(head, metrics, response, code)

    def _may_write(self) -> bool:
        """Whether an answer may be written as it is, and the connection continues after it."""
        transport = self.transport
        return (
            transport is not None
            and not self._server.draining
            and not self._close
            and self._loop.time() <= self._ends_at
            and transport.get_write_buffer_size() < _MAX_UNREAD_BYTES
        )

    def _answer_as_handler(
        self, head: Head, metrics: RouteMetrics, response: web.Response, code: str | None
    ) -> None:
        """Let aiohttp send *response*: a refusal with *code*, or the connection's last answer."""

        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            self._request_handler = self._server.request_handler
            if code is not None:
                instrumentation = self._server.instrumentation
                instrumentation.log_refusal(request, metrics, response.status, code)
            return response

        self._request_handler = answer
        self._pass_on(head.string)

    def _restart_idle_time(self) -> None:
        """Do what aiohttp does after each answer."""
        close_time = self._loop.time() + self._keepalive_timeout
        self._next_keepalive_close_time = close_time
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(close_time, self._process_keepalive)

    def _process_keepalive(self) -> None:
        if self._in_lane:  # not idle, though aiohttp waits for a request
            self._keepalive_handle = None
        else:
            super()._process_keepalive()


def _left_of(message: object, data: bytes) -> int:
    """Return how many bytes the request of *message* needs beyond *data*, which begins with it."""
    if not isinstance(message, RawRequestMessage) or message.chunked or message.upgrade:
        return _UNKNOWN
    head_bytes = data.find(_HEAD_END) + len(_HEAD_END)
    body_bytes = int(message.headers.get("Content-Length", 0))
    return max(_UNKNOWN, head_bytes + body_bytes - len(data))
