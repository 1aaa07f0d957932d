"""One connection to a node, with one request in flight at most. Every load client uses it."""

import asyncio
from collections.abc import Mapping
from typing import Generic, NamedTuple, Protocol, TypeVar, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from tests.tools.load.client.node import Node

_FIRST_FINAL_STATUS = 200
_MOST_KNOWN = 2_048
_MOST_KNOWN_BYTES = 4_096

R = TypeVar("R")
"""What a client sends by one request."""


class Answer(NamedTuple):
    """An answer. ``reusable``: the connection can carry another request."""

    status: int
    body: bytes = b""
    reusable: bool = True
    headers: Mapping[bytes, bytes] = {}
    """Names in lower case."""


class Owner(Protocol[R]):
    """The client that a connection reports to."""

    known_answers: dict[bytes, Answer]
    """Answers by all of their bytes. Nearly all answers of a run are equal, and equal bytes are
    parsed only once. The connections of a client share it."""

    def opened(self, connection: "Connection[R]") -> None:
        """The connection is open for writing."""
        ...

    def answered(self, connection: "Connection[R]", answer: Answer) -> None:
        """The request in flight was answered."""
        ...

    def lost(self, connection: "Connection[R]") -> None:
        """The connection ended while a request was in flight."""
        ...

    def breached(self, connection: "Connection[R]", how: str) -> None:
        """The connection received bytes that are not an answer to its request."""
        ...


class Connection(asyncio.Protocol, Generic[R]):
    """Lives as long as its TCP connection; nothing is ever sent twice."""

    def __init__(self, node: Node, owner: Owner[R]) -> None:
        self.node = node
        self.request: R | None = None
        """The request in flight, or waiting for the connection to open."""
        self.due = 0.0
        """When the request was due, by ``perf_counter``."""
        self.used_at = 0.0
        """When the connection last sent a request or received an answer."""
        self.closed = False
        self.transport: asyncio.Transport | None = None
        self._owner = owner
        self._parser = HttpResponseParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._answers: list[Answer] = []
        self._begun = False

    def take(self) -> R:
        """Return the request in flight; from now on there is none."""
        request = self.request
        assert request is not None
        self.request = None
        return request

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Report the open connection."""
        # uvloop's transports are no subclass of asyncio's.
        self.transport = cast(asyncio.Transport, transport)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        """Parse the answer, unless its bytes are known."""
        known, at_start = self._owner.known_answers, not self._begun
        if at_start and self.request is not None and (answer := known.get(data)) is not None:
            self._deliver(answer)
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            # An answer that was complete before it stands; the next request needs a new connection.
            self._begun = True
            if not self._answers:
                self.abort()
                self._owner.breached(self, f"an answer that is not HTTP: {error}")
                return
        if not self._answers:
            return
        first, *others = self._answers
        self._answers.clear()
        alone = not others and not self._begun
        if at_start and alone and len(data) <= _MOST_KNOWN_BYTES:
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[data] = first
        self._deliver(first, alone=alone)

    def connection_lost(self, _error: Exception | None) -> None:
        """Give up the request in flight."""
        self.closed = True
        if self.request is not None:
            self._owner.lost(self)

    def abort(self) -> None:
        """End the connection at once."""
        self.closed = True
        if self.transport is not None:
            self.transport.abort()

    def _deliver(self, answer: Answer, *, alone: bool = True) -> None:
        if self.request is None:
            # A server may announce that it ends an idle connection; nothing else is allowed.
            self.abort()
            if answer.status < 400 or not alone:
                self._owner.breached(self, f"an answer to no request: status {answer.status}")
            return
        if not alone:
            self._owner.breached(self, "more than one answer to a request")
        if not (alone and answer.reusable):
            self.abort()
        self._owner.answered(self, answer)

    # The parser calls these. It swallows exceptions, so they decide nothing.

    def on_message_begin(self) -> None:
        """Begin an answer."""
        self._begun = True
        self._headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Store a header."""
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        """Store a piece of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Store the answer, unless it is a provisional one."""
        status = self._parser.get_status_code()
        body = b"".join(self._body)
        self._body.clear()
        self._begun = False
        if status >= _FIRST_FINAL_STATUS:
            reusable = self._parser.should_keep_alive()
            self._answers.append(Answer(status, body, reusable, self._headers))
