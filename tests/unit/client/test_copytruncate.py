"""A log whose content is copied and truncated, as logrotate's copytruncate does, is read once.

The new content may be longer than the old one when the reader looks again.
"""

import os
import shutil
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest

from client import tail as tailing
from client.tail import Tail

HEADER = "type,timeLogged,rcpt" + ",column" * 200 + "\n"
"""Longer than the bytes that identify the beginning of a file."""
LONGER = "a new line that is longer than the old ones\n" * 100


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of two lines."""
    path = tmp_path / "mail.log"
    path.write_text("one\ntwo\n")
    return path


def copytruncate(log: Path, text: str) -> None:
    """Copy the content of *log* and replace it by *text*."""
    shutil.copyfile(log, log.with_name("mail.log.1"))
    os.utime(log.with_name("mail.log.1"), (0, 0))
    overwrite(log, text)


def overwrite(path: Path, text: str) -> None:
    """Replace the content of the file."""
    path.write_text(text)


def append(path: Path, text: str) -> None:
    """Write *text* at the end of the file."""
    with path.open("a") as file:
        file.write(text)


async def rest_of(tail: Tail) -> str:
    """Return the lines that *tail* has not yielded yet."""
    return "".join([line async for line in tail.lines(follow=False) if line is not None])


@pytest.mark.parametrize("text", ["", "a\n", LONGER], ids=["empty", "shorter", "longer"])
@pytest.mark.parametrize("is_restarted", [False, True], ids=["running", "restarted"])
async def test_the_rest_of_the_copy_and_the_new_content_are_read(
    log: Path, text: str, *, is_restarted: bool
) -> None:
    """By the same reader, or by a later one from the position."""
    tail = Tail(log, None)
    assert await rest_of(tail) == "one\ntwo\n"
    append(log, "three\n")
    copytruncate(log, text)
    if is_restarted:
        position = tail.position
        tail.close()
        tail = Tail(log, position)

    assert await rest_of(tail) == "three\n" + text
    assert not tail.missed
    append(log, "last\n")
    assert await rest_of(tail) == "last\n"
    tail.close()


async def test_a_reader_that_waits_goes_on_in_the_copy(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then in the log."""
    monkeypatch.setattr(tailing, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(tailing, "POLL_SECONDS", 0.0)
    tail = Tail(log, None)
    async with aclosing(tail.lines(follow=True)) as lines:
        assert [await anext(lines) for _ in range(3)] == ["one\n", "two\n", None]
        append(log, "three\n")
        copytruncate(log, LONGER)
        assert [await anext(lines) for _ in range(3)] == ["three\n", None, LONGER[:44]]
    tail.close()


async def test_without_a_copy_the_new_content_is_read(log: Path) -> None:
    """That lines may be missing is noticed."""
    tail = Tail(log, None)
    await rest_of(tail)
    overwrite(log, LONGER)

    assert await rest_of(tail) == LONGER
    assert tail.missed
    tail.close()


async def test_the_position_is_that_of_the_content_that_was_read(log: Path) -> None:
    """The lines are sent, and the position is stored, only after the log was truncated."""
    tail = Tail(log, None)
    async with aclosing(tail.lines(follow=False)) as lines:
        assert await anext(lines) == "one\n"
        copytruncate(log, LONGER)
        position = tail.position
    tail.close()

    tail = Tail(log, position)
    assert await rest_of(tail) == "two\n" + LONGER
    tail.close()


async def test_content_that_begins_alike_is_told_apart(log: Path) -> None:
    """All accounting files begin with the names of the columns."""
    overwrite(log, HEADER + "one\n")
    tail = Tail(log, None)
    await rest_of(tail)
    copytruncate(log, HEADER + "two\nthree\n")

    assert await rest_of(tail) == HEADER + "two\nthree\n"
    tail.close()


async def test_a_truncation_during_a_read_is_noticed(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes from the old offset are the middle of a new line."""
    tail = Tail(log, None)
    await rest_of(tail)
    append(log, "three\n")
    truncated = False
    pread = os.pread

    def truncate_first(file: int, size: int, offset: int) -> bytes:
        nonlocal truncated
        if not truncated:
            truncated = True
            copytruncate(log, LONGER)
        return pread(file, size, offset)

    monkeypatch.setattr(os, "pread", truncate_first)
    assert await rest_of(tail) == "three\n" + LONGER
    tail.close()


async def test_a_position_of_an_older_version_is_continued(log: Path) -> None:
    """It knows the beginning of the file only, so a copy does not do."""
    tail = Tail(log, None)
    await rest_of(tail)
    assert tail.position is not None
    position = replace(tail.position, before="")
    tail.close()
    append(log, "three\n")

    tail = Tail(log, position)
    assert await rest_of(tail) == "three\n"
    tail.close()
