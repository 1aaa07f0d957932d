"""The command ``catchall``, as a process, against a running system."""

import asyncio
import csv
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients.client import Client
from tests.tiers.stack import ROOT

SECONDS = 60.0
SENT = (
    "Nov 29 01:02:{second:02} mx1 postfix/smtp[22]: 4F2A1C{number:04}: to=<u@{domain}>,"
    " relay=mx.{domain}[104.16.1.1]:25, delay=1.2, delays=0.1/0/0.5/0.6, dsn={dsn},"
    " status={status} ({text})\n"
)


@dataclass(frozen=True, slots=True)
class Result:
    """How a command ended."""

    status: int
    out: str
    err: str


Command = Callable[..., Awaitable[Result]]


@asynccontextmanager
async def started(client: Client, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a command; it is ended at the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "client", *arguments),
        cwd=ROOT,
        env={"CATCHALL_INGEST_URL": client.ingest, "CATCHALL_QUERY_URL": client.query},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
def command(client: Client) -> Command:
    """Run a command with *text* as its input, to its end."""

    async def run(*arguments: str, text: str = "") -> Result:
        async with started(client, *arguments) as process, asyncio.timeout(SECONDS):
            out, err = await process.communicate(text.encode())
            assert process.returncode is not None
            return Result(process.returncode, out.decode(), err.decode())

    return run


def attempt(
    number: int, domain: str, status: str = "sent", dsn: str = "2.0.0", text: str = "ok"
) -> str:
    """Return a line of Postfix's log."""
    return SENT.format(
        second=number % 60, number=number, domain=domain, status=status, dsn=dsn, text=text
    )


async def test_events_are_sent_and_mistakes_are_named(client: Client, command: Command) -> None:
    """By the line; everything else is counted, exactly."""
    lines = ['{"domain": "send-a.example", "event": "delivered"}'] * 12_000
    lines[5] = '{"domain": "localhost", "event": "delivered"}'
    lines[7] = "{"

    result = await command("send", text="\n".join(lines))

    await client.wait_for_counts("send-a.example", 11_998, 0)
    assert result.status == 1
    assert "11,998 events accepted" in result.err
    assert "line 8: expected domain" in result.err
    assert "line 6: " in result.err
    assert "(single_label)" in result.err


async def test_rows_are_sent_and_an_id_counts_once(client: Client, command: Command) -> None:
    """However often the input is sent."""
    rows = "send-b.example,delivered,1001,once\nsend-c.example,bounced,1,once\n"

    first = await command("send", "--format", "csv", text=rows)
    await client.wait_for_counts("send-b.example", 1_001, 0)
    again = await command("send", "--format", "csv", text=rows)
    await client.report("send-b.example", "delivered")  # behind them
    await client.wait_for_counts("send-b.example", 1_002, 0)

    assert (first.status, again.status) == (0, 0)
    assert await client.counts("send-c.example") == (0, 1)


async def test_a_log_is_shipped_once(client: Client, command: Command, tmp_path: Path) -> None:
    """A second run sends what is new; a run without its position counts nothing twice."""
    log = tmp_path / "mail.log"
    said = "host mx.ship-b.example[104.16.1.1] said: 550 5.1.1 <u@ship-b.example>: User unknown"
    full = "host mx.ship-b.example[104.16.1.1] said: 552 5.2.2 Mailbox full"
    lines = [attempt(n, "ship-a.example") for n in range(3)]
    lines += [attempt(3, "ship-b.example", "bounced", "5.1.1", said)]
    lines += [attempt(4, "ship-b.example", "bounced", "5.2.2", full), "something else\n"]
    log.write_text("".join(lines))

    first = await command("ship", "--format", "postfix", str(log))
    with log.open("a") as file:
        file.write(attempt(5, "ship-a.example"))
    second = await command("ship", "--format", "postfix", str(log))
    (tmp_path / "mail.log.catchall-position").unlink()
    third = await command("ship", "--format", "postfix", str(log))
    await client.report("ship-a.example", "delivered")

    await client.wait_for_counts("ship-a.example", 5, 0)
    await client.wait_for_counts("ship-b.example", 0, 1)
    assert [each.status for each in (first, second, third)] == [0, 0, 0]
    assert "6 lines: 1 bounced, 3 delivered; 2 skipped" in first.err
    assert "1 bounce that proves nothing: 5.2.2" in first.err
    assert "1 lines: 1 delivered; 0 skipped" in second.err
    assert "7 lines: 1 bounced, 4 delivered; 2 skipped" in third.err


async def test_a_log_is_followed_across_a_rotation(client: Client, tmp_path: Path) -> None:
    """Each line counts soon after it was written."""
    log = tmp_path / "mail.log"
    log.write_text(attempt(0, "follow-a.example"))
    async with started(client, "ship", "--format", "postfix", "--follow", str(log)):
        await client.wait_for_counts("follow-a.example", 1, 0)
        log.rename(tmp_path / "mail.log.1")
        log.write_text(attempt(1, "follow-a.example"))
        await client.wait_for_counts("follow-a.example", 2, 0)


async def test_domains_are_looked_up(client: Client, command: Command) -> None:
    """From arguments or the input; an error makes the status 1."""
    await client.report("get-a.example", "bounced", 2)
    await client.wait_for_counts("get-a.example", 0, 2)

    given = await command("get", "GET-a.example", "get-none.example")
    read = await command("get", "-", text="get-a.example\nlocalhost\n")

    answers = [json.loads(line) for line in given.out.splitlines()]
    assert [(each["domain"], each["status"]) for each in answers] == [
        ("get-a.example", "not catch-all"),
        ("get-none.example", "unknown"),
    ]
    assert (given.status, read.status) == (0, 1)
    assert json.loads(read.out.splitlines()[1])["error"]["code"] == "single_label"


async def test_changes_are_watched_from_any_of_them_on(client: Client) -> None:
    """A later run goes on after the id of a line."""

    async def next_of(process: asyncio.subprocess.Process, domain: str) -> dict[str, object]:
        assert process.stdout is not None
        while True:
            change: dict[str, object] = json.loads(await process.stdout.readline())
            if change["domain"] == domain:
                return change

    async with asyncio.timeout(SECONDS):
        async with started(client, "watch", "--status", "not catch-all") as process:
            await asyncio.sleep(1)  # until it is connected
            await client.report("watch-a.example", "bounced")
            first = await next_of(process, "watch-a.example")
        await client.report("watch-b.example", "bounced")
        await client.wait_for_counts("watch-b.example", 0, 1)
        async with started(client, "watch", "--after", str(first["id"])) as process:
            second = await next_of(process, "watch-b.example")

    assert (first["status"], second["bounced"]) == ("not catch-all", 1)


@pytest.mark.parametrize("form", ["ndjson", "csv"])
async def test_all_domains_are_exported(client: Client, command: Command, form: str) -> None:
    """Those of one status, with the totals of all."""
    await client.report("export-command.example", "bounced")
    await client.wait_for_counts("export-command.example", 0, 1)

    result = await command("export", "--status", "not catch-all", "--format", form)

    lines = result.out.splitlines()
    rows = [json.loads(line) for line in lines] if form == "ndjson" else list(csv.DictReader(lines))
    assert {row["status"] for row in rows} == {"not catch-all"}
    assert "export-command.example" in {row["domain"] for row in rows}
    assert result.status == 0
    assert f"{len(rows):,} domains written" in result.err
    assert f"{len(rows):,} not catch-all" in result.err


async def test_a_reader_that_has_enough_ends_a_command_quietly(client: Client) -> None:
    """As ``head`` does, after its lines: the status is 1, and no message names a broken pipe."""
    await client.report("export-command.example", "bounced")
    pipeline = 'set -o pipefail; "$0" -m client --query "$1" export | true'
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", pipeline, sys.executable, client.query),
        cwd=ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS):
        _, err = await process.communicate()

    assert process.returncode == 1
    assert all(word not in err for word in (b"pipe", b"Traceback", b"Exception"))


async def test_a_service_that_is_away_is_said(command: Command) -> None:
    """In one line, after the patience."""
    result = await command(
        *("--query", "http://127.0.0.1:9", "--patience", "0.5", "get", "a.example")
    )

    assert (result.status, result.out) == (1, "")
    assert result.err == "catchall: http://127.0.0.1:9: no answer\n"
