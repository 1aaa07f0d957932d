"""A log is read once, whatever happens to its file."""

import gzip
import os
import shutil
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from client import tail as tailing
from client.log_file import Position
from client.tail import Tail


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of two lines."""
    path = tmp_path / "mail.log"
    path.write_text("one\ntwo\n")
    return path


def append(path: Path, text: str) -> None:
    """Write *text* at the end of the file, which may be new."""
    with path.open("a") as file:
        file.write(text)


def overwrite(path: Path, text: str) -> None:
    """Replace what is in the file."""
    path.write_text(text)


def rotate(path: Path, number: int) -> None:
    """Give the file the name of a rotated one."""
    path.rename(path.with_name(f"{path.name}.{number}"))


def delete(path: Path) -> None:
    """Delete the file."""
    path.unlink()


def compress(log: Path, lines: bytes) -> None:
    """Write the compressed file that is the last one before *log*."""
    log.with_name("mail.log.1.gz").write_bytes(gzip.compress(lines))


def copy_times(source: Path, target: Path) -> None:
    """Give *target* the times of *source*, as compressors do."""
    shutil.copystat(source, target)


def inode_of(path: Path) -> int:
    """Return the number of the file."""
    return path.stat().st_ino


async def read(log: Path, position: Position | None = None) -> tuple[list[str], Position | None]:
    """Return the lines until the end, and the position after them."""
    tail = Tail(log, position)
    try:
        return await rest_of(tail), tail.position
    finally:
        tail.close()


async def rest_of(tail: Tail) -> list[str]:
    """Return the lines that *tail* has not yielded yet."""
    return [line.strip() async for line in tail.lines(follow=False) if line is not None]


async def test_only_new_lines_are_read_from_a_position(log: Path) -> None:
    """A line without its end is read when it has one."""
    lines, position = await read(log)
    append(log, "three\nfo")
    more, position = await read(log, position)
    append(log, "ur\n")
    last, _ = await read(log, position)

    assert (lines, more, last) == (["one", "two"], ["three"], ["four"])


async def test_lines_before_and_after_rotations_are_read(log: Path) -> None:
    """Also of a file that was written and rotated in between."""
    _, position = await read(log)
    append(log, "three\n")
    rotate(log, 2)
    append(log, "four\n")
    rotate(log, 1)
    append(log, "five\n")
    for path in log.parent.iterdir():
        os.utime(path, (0, 0))  # the clock of a file system may tick rarely

    lines, position = await read(log, position)

    assert lines == ["three", "four", "five"]
    assert (await read(log, position))[0] == []


async def test_a_log_that_was_truncated_is_read_from_its_beginning(log: Path) -> None:
    """As logrotate's copytruncate does, while the reader runs."""
    tail = Tail(log, None)
    async with aclosing(tail.lines(follow=True)) as lines:
        seen = [await anext(lines) for _ in range(3)]
        overwrite(log, "a\n")
        assert seen == ["one\n", "two\n", None]
        assert await anext(lines) == "a\n"
    tail.close()


@pytest.mark.parametrize(
    "replace",
    [
        lambda log: compress(log, b"one\ntwo\nthree\n"),
        lambda _: None,
    ],
    ids=["compressed", "deleted"],
)
async def test_lines_that_are_gone_are_noticed(log: Path, replace: Callable[[Path], None]) -> None:
    """The current file is read from its beginning."""
    _, position = await read(log)
    assert position is not None
    keeper = log.open("rb")  # so that no new file gets its number
    replace(log)
    delete(log)
    append(log, "four\n")

    tail = Tail(log, position)
    lines = [line async for line in tail.lines(follow=False)]

    assert tail.missed
    assert lines == ["four\n", None]
    tail.close()
    keeper.close()


async def test_a_compressed_file_between_two_others_is_noticed(log: Path) -> None:
    """Those that can be read are read."""
    _, position = await read(log)
    os.utime(log, (0, 0))
    rotate(log, 2)
    compress(log, b"three\n")
    append(log, "four\n")

    tail = Tail(log, position)
    lines = [line async for line in tail.lines(follow=False)]

    assert tail.missed
    assert lines == ["four\n", None]
    tail.close()


async def test_a_file_that_is_compressed_after_it_was_read_is_not_missed(log: Path) -> None:
    """It has the time of the file that it was made from."""
    tail = Tail(log, None)
    assert await rest_of(tail) == ["one", "two"]
    compress(log, b"one\ntwo\n")
    copy_times(log, log.with_name("mail.log.1.gz"))
    delete(log)
    append(log, "three\n")

    assert await rest_of(tail) == ["three"]
    assert not tail.missed
    tail.close()


async def test_another_file_with_the_number_of_the_old_one_is_read_whole(log: Path) -> None:
    """File systems use the numbers of deleted files again."""
    _, position = await read(log)
    assert position is not None
    overwrite(log, "first\nsecond\nthird\n")  # the same number, another beginning

    assert inode_of(log) == position.inode
    assert (await read(log, position))[0] == ["first", "second", "third"]


async def test_a_new_log_may_have_the_number_of_one_that_was_read(log: Path) -> None:
    """A file system gives the number of a compressed log to the next one, while a reader runs."""
    tail = Tail(log, None)
    assert await rest_of(tail) == ["one", "two"]
    rotate(log, 1)
    append(log, "three\n")
    assert await rest_of(tail) == ["three"]
    rotate(log, 2)
    first = log.with_name("mail.log.1")
    overwrite(first, "four\n")  # the same number, another file
    first.rename(log)
    assert await rest_of(tail) == ["four"]
    rotate(log, 1)
    second = log.with_name("mail.log.2")
    overwrite(second, "five\n")
    second.rename(log.with_name("mail.log.3"))
    append(log, "six\n")

    assert await rest_of(tail) == ["five", "six"]
    tail.close()


async def test_a_file_that_vanishes_while_files_are_listed_is_passed_over(log: Path) -> None:
    """A rotation renames and deletes files meanwhile: here, a link has nothing behind it."""
    _, position = await read(log)
    rotate(log, 1)
    append(log, "three\n")
    log.with_name("mail.log.7").symlink_to(log.with_name("gone"))

    assert (await read(log, position))[0] == ["three"]


async def test_a_file_that_is_renamed_before_it_is_opened_is_read(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second rotation comes soon after the first one."""
    monkeypatch.setattr(tailing, "SETTLE_SECONDS", 0.0)
    tail = Tail(log, None)
    async with aclosing(tail.lines(follow=True)) as lines:
        assert [await anext(lines) for _ in range(3)] == ["one\n", "two\n", None]
        rotate(log, 2)
        append(log, "three\n")
        assert await anext(lines) is None  # it waits for the old file to settle
        rotate(log, 1)
        assert await anext(lines) == "three\n"
    tail.close()


async def test_the_old_file_may_get_lines_after_a_rotation(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer opens the new one a moment later."""
    monkeypatch.setattr(tailing, "SETTLE_SECONDS", 0.0)
    tail = Tail(log, None)
    async with aclosing(tail.lines(follow=True)) as lines:
        assert [await anext(lines) for _ in range(3)] == ["one\n", "two\n", None]
        old = log.open("a")
        rotate(log, 1)
        append(log, "four\n")
        assert await anext(lines) is None  # it waits for the old file to settle
        old.write("three\n")
        old.close()
        assert [await anext(lines) for _ in range(3)] == ["three\n", None, "four\n"]
    tail.close()
