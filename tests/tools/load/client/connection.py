"""One connection to an ingest node, with one request in flight at most."""

import asyncio
from typing import NamedTuple, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from tests.tools.load.client.node import Node
from tests.tools.load.streams.schedule import Shipment, Way

_FIRST_FINAL_STATUS = 200


class Answer(NamedTuple):
    """An answer, and whether the connection can carry another request."""

    status: int
    body: bytes
    reusable: bool


_PLAIN = [Answer(202, b"", reusable=True)]


class Owner(Protocol):
    """What a connection tells of itself."""

    plain_acceptance: bytes
    """The whole bytes of an answer that accepted a PUT and left the connection open. Nearly all
    answers are the same, and equal bytes need not be read anew; empty while there is none."""

    def opened(self, connection: "Connection") -> None:
        """It can be written to."""
        ...

    def accepted(self, connection: "Connection") -> None:
        """The request in flight was answered by ``plain_acceptance``."""
        ...

    def answered(self, connection: "Connection", answer: Answer) -> None:
        """The request in flight was answered."""
        ...

    def lost(self, connection: "Connection") -> None:
        """It ended while a request was in flight."""
        ...

    def breached(self, connection: "Connection", how: str) -> None:
        """It carried what is no answer to a request of ours."""
        ...


class Connection(asyncio.Protocol):
    """Lives as long as its TCP connection; nothing is ever sent twice."""

    def __init__(self, node: Node, owner: Owner) -> None:
        self.node = node
        self.shipment: Shipment | None = None
        """What is in flight, or waits for the connection to open."""
        self.due = 0.0
        """Since when its latency runs, by ``perf_counter``."""
        self.used_at = 0.0
        """When it was last written to, or answered."""
        self.closed = False
        self.transport: asyncio.Transport | None = None
        self._owner = owner
        self._parser = HttpResponseParser(self)
        self._body: list[bytes] = []
        self._answers: list[Answer] = []
        self._begun = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hand the connection to its owner."""
        self.transport = cast(asyncio.Transport, transport)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        """Read on in the answer."""
        shipment = self.shipment
        by_put = shipment is not None and shipment.way is Way.PUT and not self._begun
        if by_put and data == self._owner.plain_acceptance:
            self._owner.accepted(self)
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            # What was complete before it stands; the next request needs another connection.
            self._begun = True
            if not self._answers:
                self.abort()
                self._owner.breached(self, f"an answer that is not HTTP: {error}")
                return
        if self._answers:
            if by_put and not self._begun and self._answers == _PLAIN:
                self._owner.plain_acceptance = data
            self._hand_over()

    def connection_lost(self, _error: Exception | None) -> None:
        """Give up what is in flight."""
        self.closed = True
        if self.shipment is not None:
            self._owner.lost(self)

    def abort(self) -> None:
        """End the connection at once."""
        self.closed = True
        if self.transport is not None:
            self.transport.abort()

    def _hand_over(self) -> None:
        first, *others = self._answers
        self._answers.clear()
        alone = not others and not self._begun
        if self.shipment is None:
            # A server that ends an idle connection may say so; nobody asked for anything else.
            self.abort()
            if first.status < 400 or not alone:
                self._owner.breached(self, f"an answer to no request: status {first.status}")
            return
        if not alone:
            self._owner.breached(self, "more than one answer to a request")
        if not (alone and first.reusable):
            self.abort()
        self._owner.answered(self, first)

    # What the parser calls. It swallows what is raised in here, so nothing is decided here.

    def on_message_begin(self) -> None:
        """Begin an answer."""
        self._begun = True

    def on_body(self, body: bytes) -> None:
        """Keep a piece of its body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Keep the answer, unless it is a provisional one."""
        status = self._parser.get_status_code()
        body = b"".join(self._body)
        self._body.clear()
        self._begun = False
        if status >= _FIRST_FINAL_STATUS:
            self._answers.append(Answer(status, body, self._parser.should_keep_alive()))
