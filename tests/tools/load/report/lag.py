"""Read the lag of the workers."""

import asyncio
import re
from collections.abc import Sequence

import aiohttp

from tests.tools.load.client.session import NoAnswerError, NotSentError

_LAG = re.compile(r"^kafka_consumergroup_lag(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_SECONDS_BETWEEN = 1.0


def parse_lag(metrics: str) -> int | None:
    """Return how many records a worker has not read yet; None if it does not report that."""
    found = _LAG.findall(metrics)
    return round(sum(map(float, found))) if found else None


class LagWatch:
    """The lag of all workers; None while one of them does not report it."""

    def __init__(self, session: aiohttp.ClientSession, nodes: Sequence[str]) -> None:
        self.records: int | None = None
        self._session = session
        self._nodes = nodes

    async def poll(self) -> None:
        """Read it about once a second, until cancelled."""
        while self._nodes:
            lags = await asyncio.gather(*(self._read_lag(node) for node in self._nodes))
            known = [lag for lag in lags if lag is not None]
            self.records = sum(known) if len(known) == len(lags) else None
            await asyncio.sleep(_SECONDS_BETWEEN)

    async def _read_lag(self, node: str) -> int | None:
        try:
            async with self._session.get(f"{node}/metrics") as response:
                return parse_lag(await response.text())
        except (NotSentError, NoAnswerError, aiohttp.ClientError, TimeoutError, ValueError):
            return None
