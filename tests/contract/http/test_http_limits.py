"""How large a request may be, and when an answer ends its connection."""

import asyncio

import pytest

from tests.clients.raw_client import Answer
from tests.contract.harness.wires import Wire, connect, open_wires

KIB = 1024


async def ask(wire: Wire, target: str = "/accepted", *lines: str) -> Answer:
    """Send a PUT with the header *lines*."""
    head = "\r\n".join([f"PUT {target} HTTP/1.1", "Host: h", *lines, "", ""])
    return await wire.ask(head.encode())


async def send_apart(wire: Wire, *pieces: bytes) -> None:
    """Send *pieces* so that the server reads each by itself."""
    for piece in pieces:
        await wire.send(piece)
        await asyncio.sleep(0.01)


def target_of(size: int) -> str:
    """Return a target of *size* bytes that has a route."""
    return "/accepted?" + "x" * (size - 10)


async def test_a_target_has_at_most_8_kib() -> None:
    """One byte more is 414, also where it arrives in pieces."""
    async with open_wires() as wires:
        assert (await ask(await connect(wires), target_of(8 * KIB))).status == 202
        whole, pieces = await connect(wires), await connect(wires)
        await send_apart(pieces, b"PUT " + target_of(5 * KIB).encode(), b"y" * 4 * KIB)
        for answer in (await ask(whole, target_of(8 * KIB + 1)), await pieces.answer()):
            assert (answer.status, answer.code) == (414, "target_too_long")
            assert answer.closes


async def test_a_head_has_at_most_32_kib() -> None:
    """In one field or in many, whole or in endless pieces; 4.5 KiB of cookies fit."""
    async with open_wires() as wires:
        wire = await connect(wires)
        assert (await ask(wire, "/accepted", "Cookie: " + "c" * 4_500)).status == 202
        fits = [f"X-{n}: " + "x" * 10_000 for n in range(3)]
        assert (await ask(wire, "/accepted", *fits)).status == 202
        refused = [
            await ask(await connect(wires), "/accepted", "X: " + "x" * 33 * KIB),
            await ask(await connect(wires), "/accepted", *fits, "X: " + "x" * 3 * KIB),
        ]
        endless = await connect(wires)
        line = b"X: " + b"x" * 4 * KIB + b"\r\n"
        await send_apart(endless, b"PUT /accepted HTTP/1.1\r\nHost: h\r\n", *[line] * 8)
        refused.append(await endless.answer())
    for answer in refused:
        assert (answer.status, answer.code, answer.closes) == (431, "head_too_large", True)


READING = b"PUT /reading HTTP/1.1\r\nHost: h\r\nContent-Length: 99999\r\n\r\n"
BODY = b"b" * 99_999


async def test_a_large_head_behind_another_request_is_refused_too() -> None:
    """Behind one that has arrived, and behind one in progress; those before it are answered."""
    small = b"PUT /accepted HTTP/1.1\r\nHost: h\r\n"
    large = small + b"".join(b"X-%d: %b\r\n" % (n, b"x" * 12 * KIB) for n in range(3))
    async with open_wires() as wires:
        for pieces in ([small + b"\r\n" + large], [READING, BODY + large]):
            wire = await connect(wires)
            await send_apart(wire, *pieces[:-1], pieces[-1] + b"\r\n" + small + b"\r\n")
            assert [(await wire.answer()).status // 100 for _ in range(2)] == [2, 4]
            assert await wire.rest() == b""


async def test_each_head_is_measured_for_itself() -> None:
    """However large the heads and the bodies before it were."""
    async with open_wires() as wires:
        wire = await connect(wires)
        for before in (None, READING):
            for _ in range(2):
                assert (await ask(wire, "/accepted", "X: " + "x" * 20 * KIB)).status == 202
            if before is not None:
                await send_apart(wire, before, BODY)
                assert (await wire.answer()).body == b"99999"
            await send_apart(wire, b"PUT /accepted HTTP/1.1\r\nHost: h\r\n", b"\r\n")
            assert (await wire.answer()).status == 202


@pytest.mark.parametrize(("fields", "status"), [(128, 202), (129, 431)])
async def test_a_head_has_at_most_128_fields(fields: int, status: int) -> None:
    """Host is one of them."""
    async with open_wires() as wires:
        lines = [f"X-{number}: y" for number in range(fields - 1)]
        assert (await ask(await connect(wires), "/accepted", *lines)).status == status


@pytest.mark.parametrize(
    ("target", "status"), [("/none", 404), ("/plain", 405), ("/document", 405), ("/accepted", 202)]
)
async def test_an_answer_before_the_body_has_arrived_closes(target: str, status: int) -> None:
    """The client may never send it: then the requests behind it would be read as the body."""
    async with open_wires() as wires:
        wire = await connect(wires)
        answer = await ask(wire, target, "Content-Length: 5", "Expect: 100-continue")
        assert (answer.status, answer.closes) == (status, True)


async def test_an_answer_after_the_body_has_arrived_does_not_close() -> None:
    """Even if no handler read it."""
    async with open_wires() as wires:
        wire = await connect(wires)
        await wire.send(b"PUT /none HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde")
        assert not (await wire.answer()).closes
        assert (await ask(wire)).status == 202
