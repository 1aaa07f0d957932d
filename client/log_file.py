"""A log file, how far it was read, and how that is stored.

A position is the number (inode) of a file, the offset after the last line that was sent, and hashes
of the bytes at the beginning of the file and before the offset. The number is not enough: file
systems give it to another file later, and ``copytruncate`` replaces the content of a file. Nor is
the size: the new content may be longer by now.
"""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import Self

_CHUNK_BYTES = 256 * 1024
_MARK_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class Position:
    """The end of the lines that were sent."""

    inode: int
    offset: int
    mark: str
    """A hash of the file's first bytes, at most to the offset."""
    before: str = ""
    """A hash of the bytes before the offset; "" if an older version stored the position."""


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


class LogFile:
    """An open log file, and how far it was read.

    The bytes that identify it are in memory as they were read: a truncated file has them no more.
    """

    def __init__(self, file: FileIO, offset: int = 0) -> None:
        self._file = file
        self._offset = offset
        self._head = self._at(0, min(offset, _MARK_BYTES))
        start = max(0, offset - _MARK_BYTES)
        self._before = self._at(start, offset - start)

    @classmethod
    def open(cls, path: Path, *, at_end: bool = False) -> Self | None:
        """Return the file at *path*, to be read from its beginning; None if there is none."""
        try:
            file = FileIO(path)
        except FileNotFoundError:
            return None
        return cls(file, os.fstat(file.fileno()).st_size if at_end else 0)

    @classmethod
    def open_at(cls, path: Path, position: Position) -> Self | None:
        """Return the file at *path*, to be read from *position*; None if it has other content.

        A copy is as good as the file, if something of the file was read.
        """
        try:
            file = cls(FileIO(path), position.offset)
        except OSError:  # it is gone, or none of our business
            return None
        if file._continues(position):
            return file
        file.close()
        return None

    def _continues(self, position: Position) -> bool:
        found = self.position
        if self.stat.st_size < position.offset or found.mark != position.mark:
            return False
        if found.inode == position.inode:
            return position.before in {found.before, ""}
        return found.before == position.before and position.offset > 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def stat(self) -> os.stat_result:
        """What the file system knows of the file."""
        return os.fstat(self._file.fileno())

    @property
    def position(self) -> Position:
        """The position after the last line that was taken."""
        return Position(self.stat.st_ino, self._offset, _hash(self._head), _hash(self._before))

    @property
    def identity(self) -> tuple[int, str]:
        """What distinguishes the file, once it is not written any more, from all others."""
        return self.stat.st_ino, _hash(self._at(0, _MARK_BYTES))

    @property
    def header(self) -> str:
        """The first line."""
        line, end, _ = self._at(0, _CHUNK_BYTES).partition(b"\n")
        return (line + end).decode(errors="replace")

    def read(self) -> list[bytes] | None:
        """Return some of the next whole lines, each with its end; None if the file began anew."""
        data = self._at(self._offset, _CHUNK_BYTES)
        while data and b"\n" not in data:
            more = self._at(self._offset + len(data), _CHUNK_BYTES)
            if not more:
                break
            data += more
        # Only now: the file may have been truncated a moment ago.
        start = self._offset - len(self._before)
        is_same = (
            self._at(0, len(self._head)) == self._head
            and self._at(start, len(self._before)) == self._before
        )
        return data[: data.rfind(b"\n") + 1].splitlines(keepends=True) if is_same else None

    def take(self, line: bytes) -> None:
        """Move behind *line*, the next one."""
        self._offset += len(line)
        if len(self._head) < _MARK_BYTES:
            self._head = (self._head + line)[:_MARK_BYTES]
        self._before = (self._before + line)[-_MARK_BYTES:]

    def begin_anew(self) -> None:
        """Move to the beginning of what the file contains now."""
        self._offset, self._head, self._before = 0, b"", b""

    def _at(self, offset: int, size: int) -> bytes:
        """Return up to *size* bytes, as they are in the file now."""
        return os.pread(self._file.fileno(), size, offset)


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()
