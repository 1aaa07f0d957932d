"""Read a log from where an earlier run stopped, across rotations.

A position is the number (inode) of a file, the offset after the last line that was sent, and a hash
of the file's beginning, because file systems give the number to another file later.
"""

import asyncio
import hashlib
import json
import os
import re
from collections.abc import AsyncGenerator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

POLL_SECONDS = 0.5
SETTLE_SECONDS = 2.0
"""After a rotation, the time in which the old file may still get lines."""
_CHUNK_BYTES = 256 * 1024
_MARK_BYTES = 1_024
"""More than the names of an accounting file's columns, with which all such files begin."""
_COMPRESSED = {".gz", ".bz2", ".xz", ".zst"}


@dataclass(frozen=True, slots=True)
class Position:
    """The end of the lines that were sent."""

    inode: int
    offset: int
    mark: str
    """A hash of the file's first bytes, at most to the offset."""


def load_position(path: Path) -> Position | None:
    """Return the stored position, None if there is none. Raises ValueError if it is damaged."""
    try:
        return Position(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} has no position; delete it to begin anew") from error


def store_position(path: Path, position: Position) -> None:
    """Replace the stored position: after a crash the file has the old or the new one."""
    draft = path.with_name(f"{path.name}.new")
    with draft.open("w") as file:
        file.write(json.dumps(asdict(position)))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


class Tail:
    """The lines of the log at *path* after *position*, else from its beginning.

    ``missed`` is True once lines were rotated away, or compressed, before they were read.
    ``header`` is the first line of the file that is read.
    """

    def __init__(self, path: Path, position: Position | None) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._offset = 0
        self._read_files: set[tuple[int, str]] = set()
        self.missed = False
        self.header = ""
        if position is not None:
            self._file = self._find(position)
            self.missed = self._file is None
        if self._file is not None and position is not None:
            self._offset = position.offset
        else:
            self._file = _open_if_there(path)
        self._read_header()

    @property
    def position(self) -> Position | None:
        """The position after the last line that was yielded."""
        if self._file is None:
            return None
        inode = os.fstat(self._file.fileno()).st_ino
        return Position(inode, self._offset, _mark(self._file, self._offset))

    async def lines(self, *, follow: bool) -> AsyncGenerator[str | None, None]:
        """Yield whole lines; None at the end of the log, before it waits for more.

        A last line without its end is not yielded: it is still being written.
        """
        while True:
            for raw in self._read():
                self._offset += len(raw)
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

    def _read(self) -> list[bytes]:
        """Return some of the next whole lines, each with its end."""
        file = self._file
        if file is None:
            return []
        if os.fstat(file.fileno()).st_size < self._offset:
            self._offset = 0  # copytruncate: the same file begins anew
            self._read_header()
        file.seek(self._offset)
        data = file.read(_CHUNK_BYTES)
        while data and b"\n" not in data and (more := file.read(_CHUNK_BYTES)):
            data += more
        return data[: data.rfind(b"\n") + 1].splitlines(keepends=True)

    def _has_more(self) -> bool:
        return bool(self._read())

    def _later_file(self) -> Path | None:
        """Return the file that follows the current one in time, None if that is the last."""
        current = None if self._file is None else os.fstat(self._file.fileno())
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
        file = _open_if_there(path)
        if file is None:
            return False
        with file:
            return _identity(file) in self._read_files

    def _open(self, path: Path) -> None:
        file = _open_if_there(path)
        if file is None:
            return
        if self._file is not None:
            self._read_files.add(_identity(self._file))
            self._file.close()
        if path.suffix in _COMPRESSED:
            self.missed = True
            file.seek(0, os.SEEK_END)
        self._file, self._offset = file, file.tell()
        self._read_header()

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

    def _find(self, position: Position) -> BinaryIO | None:
        for path, stat in self._files():
            if stat.st_ino != position.inode or stat.st_size < position.offset:
                continue
            file = _open_if_there(path)
            if file is None:
                continue
            if _mark(file, position.offset) == position.mark:
                return file
            file.close()
        return None

    def _read_header(self) -> None:
        if self._file is not None:
            self._file.seek(0)
            self.header = self._file.readline().decode(errors="replace")


def _mark(file: BinaryIO, offset: int) -> str:
    file.seek(0)
    start = file.read(min(offset, _MARK_BYTES))
    return hashlib.blake2b(start, digest_size=8).hexdigest()


def _identity(file: BinaryIO) -> tuple[int, str]:
    """Return what distinguishes *file*, once it is not written any more, from all others."""
    stat = os.fstat(file.fileno())
    return stat.st_ino, _mark(file, stat.st_size)


def _open_if_there(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None
