"""Read standard input in parts: full ones, and smaller ones while its source is slow."""

import asyncio
import io
import os
import select
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")

STANDARD_INPUT = "-"
"""Given in the place of a file or a name."""
WAIT_SECONDS = 1.0
"""An item waits no longer than this for more of its part."""
_LOOK_SECONDS = 0.2


async def read_parts(
    parse: Callable[[Iterable[str]], Iterable[T]], most: int, source: int = 0
) -> AsyncGenerator[list[T], None]:
    """Yield what *parse* makes of the lines of *source*, a file descriptor, up to *most* at a time.

    A thread reads, at most one part ahead. Bytes that are not UTF-8 become U+FFFD. Raises OSError,
    and what *parse* raises, after the items before it.
    """
    reader: _Reader[T] = _Reader(source, most)
    reading = asyncio.create_task(asyncio.to_thread(reader.run, parse))
    try:
        while not reader.at_end:
            await reader.some.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT_SECONDS):
                    await reader.full.wait()
            if part := reader.take():
                yield part
        await reading
    finally:
        reader.stop()
        await asyncio.wait([reading])


class _Reader(Generic[T]):
    """The items that its thread has read, and that the event loop has not taken yet."""

    def __init__(self, source: int, most: int) -> None:
        self._source = _Source(source)
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._items: list[T] = []
        self._ended = False
        self._changed = threading.Condition()
        """Guards the items and the end; notified when the thread may go on."""
        self.some, self.full = asyncio.Event(), asyncio.Event()
        """Set once there is an item, and a full part; both at the end."""

    @property
    def at_end(self) -> bool:
        """Whether there is no further item."""
        with self._changed:
            return self._ended and not self._items

    def run(self, parse: Callable[[Iterable[str]], Iterable[T]]) -> None:
        """Read to the end, or until stopped; in a thread."""
        buffer = io.BufferedReader(self._source)
        try:
            for item in parse(io.TextIOWrapper(buffer, "utf-8-sig", "replace")):
                self._add(item)
                if self._source.stopped:
                    break
        finally:
            with self._changed:
                self._ended = True
                self._wake(self.some, self.full)

    def _add(self, item: T) -> None:
        with self._changed:
            self._items.append(item)
            if len(self._items) == 1:
                self._wake(self.some)
            if len(self._items) == self._most:
                self._wake(self.full)
                self._changed.wait_for(lambda: not self._items or self._source.stopped)

    def _wake(self, *events: asyncio.Event) -> None:
        for event in events:
            self._loop.call_soon_threadsafe(event.set)

    def take(self) -> list[T]:
        """Return the items, and let the thread go on."""
        with self._changed:
            items, self._items = self._items, []
            if not self._ended:
                self.some.clear()
                self.full.clear()
            self._changed.notify()
        return items

    def stop(self) -> None:
        """Let the thread end within ``_LOOK_SECONDS``."""
        with self._changed:
            self._source.stopped = True
            self._changed.notify()


class _Source(io.RawIOBase):
    """The bytes of a file descriptor; they end when it is stopped."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.stopped = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for bytes and read some into *buffer*; return their number, 0 at the end."""
        while not self.stopped:
            if select.select([self._descriptor], [], [], _LOOK_SECONDS)[0]:
                return os.readv(self._descriptor, [buffer])
        return 0
