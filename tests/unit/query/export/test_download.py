"""A client that does not read loses its download, also at the very end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from prometheus_client import CollectorRegistry

from query.config import ExportSettings
from query.export.download import Download
from query.export.metrics import ExportMetrics
from query.export.request import parse_request
from query.export.tally import Tally
from query.lookup.answer import Answer, answer_of
from shared.model.counter import Counters
from shared.model.domain import DomainName

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
    )

    async with asyncio.timeout(5):
        complete = await download.send(response, scan(), Tally())

    slow = registry.get_sample_value("catchall_export_slow_clients_total")
    assert (complete, transport.aborted, slow) == (not blocked, bool(blocked), float(bool(blocked)))
    assert len(response.sent) == (0 if blocked == "write" else 2)
