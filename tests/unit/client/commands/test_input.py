"""How standard input is cut into parts."""

import asyncio
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from client.commands import input as reading
from client.commands.input import read_parts

NEVER = 3600.0


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """The descriptors of a pipe, to read and to write."""
    source, target = os.pipe()
    yield source, target
    os.close(source)
    os.close(target)


@pytest.fixture
def numbers(tmp_path: Path) -> Iterator[int]:
    """A file of ten lines."""
    path = tmp_path / "numbers"
    path.write_text("".join(f"{number}\n" for number in range(10)))
    with path.open("rb") as file:
        yield file.fileno()


async def test_a_slow_source_is_read_as_it_comes(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there waits for a moment, not for a full part."""
    monkeypatch.setattr(reading, "WAIT_SECONDS", 0.05)
    source, target = pipe
    async with asyncio.timeout(10), aclosing(read_parts(iter, 1000, source)) as parts:
        for text in ("one\n", "two\nthree\n"):
            os.write(target, text.encode())
            assert "".join(await anext(parts)) == text


async def test_a_fast_source_comes_in_full_parts(
    numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last one is smaller, and waits for nothing."""
    monkeypatch.setattr(reading, "WAIT_SECONDS", NEVER)
    async with asyncio.timeout(10):
        parts = [part async for part in read_parts(lambda lines: map(int, lines), 4, numbers)]
    assert parts == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_no_more_than_a_part_is_read_ahead(
    numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long its reader takes."""
    monkeypatch.setattr(reading, "WAIT_SECONDS", NEVER)
    parsed: list[str] = []
    is_full = threading.Event()

    def parse(lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            parsed.append(line)
            if len(parsed) == 8:
                is_full.set()
            yield line

    async with aclosing(read_parts(parse, 4, numbers)) as parts:
        await anext(parts)
        assert await asyncio.to_thread(is_full.wait, 10)
        assert len(parsed) == 8


async def test_an_error_comes_after_the_items_before_it(
    numbers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them is lost."""
    monkeypatch.setattr(reading, "WAIT_SECONDS", NEVER)

    def parse(lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            if line == "5\n":
                raise ValueError("not 5")
            yield line

    async with aclosing(read_parts(parse, 4, numbers)) as parts:
        seen = await anext(parts) + await anext(parts)
        assert "".join(seen) == "0\n1\n2\n3\n4\n"
        with pytest.raises(ValueError, match="not 5"):
            await anext(parts)


async def test_a_source_that_sends_nothing_does_not_delay_the_end(pipe: tuple[int, int]) -> None:
    """The command is interrupted, or the service does not answer."""
    source, _ = pipe
    task = asyncio.create_task(anext(read_parts(iter, 4, source)))
    await asyncio.sleep(0)
    task.cancel()
    async with asyncio.timeout(10):
        await asyncio.wait([task])
    assert task.cancelled()


async def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    """One bad line must not keep back the others; a byte-order mark is passed over."""
    path = tmp_path / "lines"
    path.write_bytes(b"\xef\xbb\xbfone\n\xff\ntwo\n")
    with path.open("rb") as file:
        assert [part async for part in read_parts(iter, 4, file.fileno())] == [
            ["one\n", "\N{REPLACEMENT CHARACTER}\n", "two\n"]
        ]
