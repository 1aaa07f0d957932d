"""What one client gets of its download: it may be slow, and its domains far between."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from prometheus_client import CollectorRegistry

from query.config import ExportSettings
from query.export.download import SILENCE_SECONDS, Download
from query.export.metrics import ExportMetrics
from query.export.request import parse_request
from query.export.tally import Tally
from query.lookup.answer import Answer, answer_of
from shared.model.counter import Counters
from shared.model.domain import DomainName
from tests.fakes.clock import Clock

ANSWERS = [answer_of(DomainName("a.example"), Counters(5, 1), 1_000)]


class Transport(asyncio.Transport):
    """A connection that can be cut."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def abort(self) -> None:
        """Cut it."""
        self.aborted = True


class Response(web.StreamResponse):
    """A response whose client reads until *blocked*, ``write`` or ``write_eof``."""

    def __init__(self, blocked: str) -> None:
        super().__init__()
        self._blocked = blocked
        self.sent: list[bytes] = []
        self.ready = False

    @property
    def prepared(self) -> bool:
        """Whether the headers are sent."""
        return self.ready

    async def prepare(self, _: web.BaseRequest) -> Any:
        """Send the headers."""
        self.ready = True

    async def write(self, data: Any) -> None:
        """Send *data*."""
        await self._wait("write")
        self.sent.append(bytes(data))

    async def write_eof(self, data: bytes = b"") -> None:
        """End the body."""
        assert not data
        await self._wait("write_eof")

    async def _wait(self, action: str) -> None:
        if action == self._blocked:
            await asyncio.get_running_loop().create_future()


async def scan() -> AsyncIterator[list[Answer]]:
    """Yield some answers."""
    yield ANSWERS


@pytest.mark.parametrize("blocked", ["", "write", "write_eof"])
async def test_a_client_that_does_not_read_loses_its_connection(blocked: str) -> None:
    """Else it would keep the connection and its buffers for ever."""
    transport, registry = Transport(), CollectorRegistry()
    response = Response(blocked)
    download = Download(
        make_mocked_request("GET", "/domains", transport=transport),
        parse_request([]),
        ExportSettings.model_validate({"write_seconds": 0.01}),
        ExportMetrics(registry),
        lambda: False,
        Clock(),
    )

    async with asyncio.timeout(5):
        complete = await download.send(response, scan(), Tally())

    slow = registry.get_sample_value("catchall_export_slow_clients_total")
    assert (complete, transport.aborted, slow) == (not blocked, bool(blocked), float(bool(blocked)))
    assert len(response.sent) == (0 if blocked == "write" else 2)


def answers(*names: str, delivered: int = 5, bounced: int = 1) -> list[Answer]:
    """Return answers with these counts."""
    counters = Counters(delivered, bounced)
    return [answer_of(DomainName(f"{name}.example"), counters, 1_000) for name in names]


UNWANTED = answers("unwanted", bounced=0)


async def download(
    form: str, parts: Sequence[Sequence[Answer]], seconds_each: float = 10.0
) -> tuple[bool, list[bytes]]:
    """Export "not catch-all" from *parts*, each read after so long.

    Return whether the download is complete, and the pieces that were sent.
    """
    clock, response = Clock(), Response("")

    async def scan_slowly() -> AsyncIterator[Sequence[Answer]]:
        for part in parts:
            clock.now += seconds_each
            yield part

    download = Download(
        make_mocked_request("GET", "/domains"),
        parse_request([("format", form), ("status", "not catch-all")]),
        ExportSettings(),
        ExportMetrics(CollectorRegistry()),
        lambda: False,
        clock,
    )
    complete = await download.send(response, scan_slowly(), Tally())
    return complete, response.sent


@pytest.mark.parametrize("first", [[], answers("a", "b")], ids=["no domain", "after domains"])
@pytest.mark.parametrize("form", ["ndjson", "csv"])
async def test_a_download_is_never_silent_for_long(form: str, first: list[Answer]) -> None:
    """While no domain has the wanted status too, and its lines are those of a fast one."""
    parts = [first or UNWANTED, *([UNWANTED] * 12), answers("c"), answers("d")]

    complete, sent = await download(form, parts)
    _, at_once = await download(form, [[each for part in parts for each in part]])

    meanwhile = sent[1:-3] if first else sent[:-3]
    assert complete
    assert len(meanwhile) == 12 * 10 // (2 * 10)  # every second part: SILENCE_SECONDS is 15
    assert {len(piece) for piece in meanwhile} == {1}
    lines, expected = (b"".join(each).splitlines() for each in (sent, at_once))
    if form == "csv":
        assert lines == expected
    else:
        assert [json.loads(line) for line in lines] == [json.loads(line) for line in expected]


async def test_a_csv_file_with_nothing_left_to_send_ends_with_a_cursor() -> None:
    """After some minutes, when the single bytes of the last line are used up."""
    head = b"domain,status,delivered,bounced,threshold,reason\r\n"

    complete, sent = await download("csv", [UNWANTED] * 1_000, SILENCE_SECONDS)

    assert not complete
    assert sent[:-1] == [bytes([byte]) for byte in head]
    end = json.loads(sent[-1].removeprefix(b"# "))
    assert (end["complete"], end["cursor"]) == (False, "unwanted.example")
    assert end["totals"]["unknown"] == len(head) + 1
