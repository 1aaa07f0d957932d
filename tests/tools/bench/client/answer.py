"""Read answers from a connection, cheaply where one equals an earlier one byte for byte."""

from typing import NamedTuple

import httptools
import msgspec

_REMEMBERED = 256


class Answer(NamedTuple):
    """What an answer says: for how many events, and whether its connection goes on."""

    status: int
    events: int
    keep_alive: bool


class _Outcomes(msgspec.Struct):
    accepted: int


class AnswerReader:
    """The reader of one connection, on which answers come one at a time.

    *known* is shared by all connections: whole answers that were parsed before.
    """

    def __init__(self, known: dict[bytes, Answer]) -> None:
        self._known = known
        self._start()

    def _start(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._answer: Answer | None = None
        self._fed = 0

    def feed(self, data: bytes) -> Answer | None:
        """Return the answer that *data* completes, or None if more must come.

        Raises httptools.HttpParserError for what is no HTTP.
        """
        if not self._fed and (answer := self._known.get(data)) is not None:
            return answer
        self._fed += 1
        self._parser.feed_data(data)
        answer = self._answer
        if answer is None:
            return None
        if self._fed == 1 and len(self._known) < _REMEMBERED:
            self._known[data] = answer
        self._start()
        return answer

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body (the parser calls this)."""
        self._body += body

    def on_message_complete(self) -> None:
        """Read the answer, which is whole now (the parser calls this)."""
        status = self._parser.get_status_code()
        events = 1
        if self._body and status == 202:
            events = msgspec.json.decode(self._body, type=_Outcomes).accepted
        # The parser has forgotten the headers once it has returned.
        self._answer = Answer(status, events, self._parser.should_keep_alive())
