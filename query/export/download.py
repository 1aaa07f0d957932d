"""Send one export to one client, no faster than it reads."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from query.config import ExportSettings
from query.export.lines import LINE_FORMATS
from query.export.metrics import ExportMetrics
from query.export.request import ExportRequest
from query.export.steady_lines import SteadyLines
from query.export.tally import Tally
from query.lookup.answer import Answer
from shared.errors import StoreUnavailableError
from shared.http.observability.request_ids import REQUEST_ID, id_to_answer

NOT_STORED = {"Cache-Control": "no-store"}
SILENCE_SECONDS = 15.0
"""Something is sent at least so often, even if no domain has the wanted status."""


@dataclass(frozen=True, slots=True)
class Download:
    """One export; *must_end* returns True when it has to end early, with a cursor."""

    request: web.Request
    asked: ExportRequest
    settings: ExportSettings
    metrics: ExportMetrics
    must_end: Callable[[], bool]
    clock: Callable[[], float]

    def build_response(self) -> web.StreamResponse:
        """Return the response, whose headers are not sent yet."""
        status, form = self.asked.status, self.asked.format
        name = "domains" if status is None else status.replace(" ", "-")
        headers = {
            **NOT_STORED,
            "Content-Type": LINE_FORMATS[form].media_type,
            "Content-Disposition": f'attachment; filename="{name}.{form}"',
        }
        if (request_id := id_to_answer(self.request, 200)) is not None:
            headers[REQUEST_ID] = request_id
        return web.StreamResponse(headers=headers)

    async def send(
        self, response: web.StreamResponse, scan: AsyncIterator[Sequence[Answer]], tally: Tally
    ) -> bool:
        """Send the answers of *scan*, and count them; return True after the last domain.

        Where it ends early, the client gets a cursor, unless it is gone or does not read. Raises
        StoreUnavailableError if nothing was sent.
        """
        try:
            return await self._send(response, scan, tally)
        except ConnectionError:
            return False  # the client is gone
        except TimeoutError:
            self.metrics.too_slow.inc()
            if self.request.transport is not None:
                self.request.transport.abort()
            return False

    async def _send(
        self, response: web.StreamResponse, scan: AsyncIterator[Sequence[Answer]], tally: Tally
    ) -> bool:
        lines, status = LINE_FORMATS[self.asked.format], self.asked.status
        steady, sent_at = SteadyLines(lines.head, lines.padding), self.clock()
        cursor, complete = self.asked.cursor, False
        try:
            async for answers in scan:
                tally.add(answers)
                cursor = answers[-1].domain
                wanted = answers if status is None else [a for a in answers if a.status is status]
                data = steady.add(lines.encode(wanted))
                if not data and self.clock() - sent_at >= SILENCE_SECONDS:
                    data = steady.drip()
                    if not data:
                        break
                await self._write(response, data)
                if data:
                    sent_at = self.clock()
                if self.must_end():
                    break
            else:
                complete = True
        except StoreUnavailableError:
            if not response.prepared:
                raise
        end = lines.encode_end(tally.totals, cursor, complete=complete)
        await self._write(response, steady.end(end))
        # aiohttp would do it after the handler, and wait without a limit.
        async with asyncio.timeout(self.settings.write_seconds):
            await response.write_eof()
        return complete

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        """Send the headers, if they are not sent, and *data*; return when most of it is read.

        Raises TimeoutError and ConnectionError.
        """
        if not response.prepared:
            await response.prepare(self.request)
        if data:
            async with asyncio.timeout(self.settings.write_seconds):
                await response.write(data)
            self.metrics.sent_bytes.inc(len(data))
