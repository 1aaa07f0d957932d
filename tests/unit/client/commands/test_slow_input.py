"""Each command that reads standard input answers while its source is still open."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, cast

import pytest

from client.client import CatchallClient, SendResult
from client.commands import input as reading
from client.commands.look_up import look_up
from client.commands.send import send
from client.commands.ship import ship
from client.event import Event

POSTFIX = (
    "Nov 29 01:02:03 mx1 postfix/smtp[22]: 4F2A1C1: to=<u@a.example>,"
    " relay=mx.a.example[104.16.1.1]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn=2.0.0,"
    " status=sent (ok)\n"
)


class Client:
    """A service that takes everything; ``domains`` are those that it got."""

    def __init__(self) -> None:
        self.domains: asyncio.Queue[str] = asyncio.Queue()

    async def send(self, events: list[Event]) -> SendResult:
        """See CatchallClient."""
        for event in events:
            self.domains.put_nowait(event.domain)
        return SendResult(accepted=len(events))

    async def get_many(self, names: list[str]) -> list[dict[str, Any]]:
        """See CatchallClient."""
        for name in names:
            self.domains.put_nowait(name)
        return [{"domain": name} for name in names]


@pytest.fixture
def standard_input(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A pipe in the place of standard input; yields its other end."""
    monkeypatch.setattr(reading, "WAIT_SECONDS", 0.05)
    before, (source, target) = os.dup(0), os.pipe()
    os.dup2(source, 0)
    yield target
    os.dup2(before, 0)
    for each in (before, source):
        os.close(each)


@pytest.mark.parametrize(
    ("run", "line"),
    [
        (lambda client: send(client, "csv"), "a.example,delivered\n"),
        (lambda client: ship(client, "postfix", "-", None, follow=False), POSTFIX),
        (lambda client: look_up(client, ["-"]), "a.example\n"),
    ],
    ids=["send", "ship", "get"],
)
async def test_a_line_is_used_before_the_next_one_comes(
    run: Callable[[CatchallClient], Awaitable[int]], line: str, standard_input: int
) -> None:
    """And the end of the input is the end of the command."""
    client = Client()
    command = asyncio.ensure_future(run(cast(CatchallClient, client)))
    async with asyncio.timeout(10):
        for _ in range(2):
            os.write(standard_input, line.encode())
            assert await client.domains.get() == "a.example"
        os.close(standard_input)
        assert await command == 0
