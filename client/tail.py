"""Read a log from where an earlier run stopped, across rotations."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import closing
from pathlib import Path

from client.log_file import LogFile, Position

POLL_SECONDS = 0.5
SETTLE_SECONDS = 2.0
"""After a rotation, the time in which the old file may still get lines."""
_COMPRESSED = {".gz", ".bz2", ".xz", ".zst"}


class Tail:
    """The lines of the log at *path* after *position*, else from its beginning.

    ``missed`` is True once lines may be missing: they were rotated away, compressed or truncated
    before they were read.
    """

    def __init__(self, path: Path, position: Position | None) -> None:
        self._path = path
        self._read_files: set[tuple[int, str]] = set()
        self._file = None if position is None else self._find(position)
        self.missed = position is not None and self._file is None
        if self._file is None:
            self._file = LogFile.open(path)

    @property
    def position(self) -> Position | None:
        """The position after the last line that was yielded."""
        return None if self._file is None else self._file.position

    @property
    def header(self) -> str:
        """The first line of the file that is read; "" if there is none."""
        return "" if self._file is None else self._file.header

    async def lines(self, *, follow: bool) -> AsyncGenerator[str | None, None]:
        """Yield whole lines; None at the end of the log, before it waits for more.

        A last line without its end is not yielded: it is still being written.
        """
        while True:
            for file, raw in self._read():
                file.take(raw)
                yield raw.decode(errors="replace")
            if self._has_more():
                continue
            if self._later_file() is not None:
                if follow:
                    yield None
                    await asyncio.sleep(SETTLE_SECONDS)
                later = self._later_file()  # a rotation may have given it another name
                if later is not None and not self._has_more():
                    self._open(later)
                continue
            yield None
            if not follow:
                return
            await asyncio.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _read(self) -> list[tuple[LogFile, bytes]]:
        """Return some of the next whole lines, each with its end, and their file."""
        while (file := self._file) is not None:
            lines = file.read()
            if lines is not None:
                return [(file, line) for line in lines]
            self._leave_truncated(file)
        return []

    def _leave_truncated(self, file: LogFile) -> None:
        """Go on in the copy that copytruncate made of *file*, else in its new content."""
        copy = self._find(file.position)
        if copy is not None:
            file.close()
            self._file = copy
        else:
            self.missed = True
            file.begin_anew()

    def _has_more(self) -> bool:
        return bool(self._read())

    def _later_file(self) -> Path | None:
        """Return the file that follows the current one in time, None if that is the last."""
        current = None if self._file is None else self._file.stat
        at = 0 if current is None else current.st_mtime_ns
        later: list[tuple[bool, int, Path]] = []
        for path, stat in self._files():
            is_last, written_at = path == self._path, stat.st_mtime_ns
            if current is not None and stat.st_ino == current.st_ino:
                if is_last:
                    return None
            elif written_at == at and path.suffix in _COMPRESSED:
                continue  # the current file, compressed: that leaves the time as it is
            elif is_last or (written_at >= at and not self._was_read(path)):
                later.append((is_last, written_at, path))
        return min(later)[-1] if later else None

    def _was_read(self, path: Path) -> bool:
        file = LogFile.open(path)
        if file is None:
            return False
        with closing(file):
            return file.identity in self._read_files

    def _open(self, path: Path) -> None:
        is_compressed = path.suffix in _COMPRESSED
        file = LogFile.open(path, at_end=is_compressed)
        if file is None:
            return
        if self._file is not None:
            self._read_files.add(self._file.identity)
            self._file.close()
        self.missed = self.missed or is_compressed
        self._file = file

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Yield the log and what logrotate names after it: .1, -20261129, .2.gz."""
        rotated = re.compile(rf"{re.escape(self._path.name)}([.-]\d+(\.\w+)?)?")
        for path in self._path.parent.iterdir():
            if rotated.fullmatch(path.name):
                try:
                    stat = path.stat()
                except FileNotFoundError:  # renamed or deleted just now
                    continue
                yield path, stat

    def _find(self, position: Position) -> LogFile | None:
        """Return the file that was read to *position*, else the newest copy of it."""

        def rank(found: tuple[Path, os.stat_result]) -> tuple[bool, int]:
            return found[1].st_ino == position.inode, found[1].st_mtime_ns

        candidates = sorted(self._files(), key=rank, reverse=True)
        opened = (LogFile.open_at(path, position) for path, _ in candidates)
        return next((file for file in opened if file is not None), None)
