"""Decode server-sent events (HTML standard, 9.2). Pure."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamedEvent:
    """One event: its name, its data, and the id from which to resume after it."""

    name: str
    data: str
    last_id: str


class EventStreamDecoder:
    """Decodes a stream that arrives in pieces.

    ``last_id`` is the id to resume from, ``retry_seconds`` the time after which to reconnect.
    """

    def __init__(self, last_id: str = "") -> None:
        self.last_id = self._next_id = last_id
        self.retry_seconds = 1.0
        self._pending = b""
        self._name = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> Iterator[StreamedEvent]:
        """Yield the events that *data* completes."""
        # The service ends lines with LF alone.
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            if line:
                self._field(line.decode())
                continue
            self.last_id = self._next_id
            if self._data:
                yield StreamedEvent(self._name or "message", "\n".join(self._data), self.last_id)
            self._name, self._data = "", []

    def restart(self) -> None:
        """Forget an event that was cut off by the end of its connection."""
        self._pending, self._name, self._data = b"", "", []
        self._next_id = self.last_id

    def _field(self, line: str) -> None:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "id":
                self._next_id = value
            case "event":
                self._name = value
            case "data":
                self._data.append(value)
            case "retry" if value.isdecimal():
                self.retry_seconds = int(value) / 1000
            case _:
                pass
