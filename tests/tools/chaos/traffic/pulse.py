"""Check the state of the tiers once a second: alive, ready, lag, memory."""

import asyncio
import re
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import aiohttp
import psutil

from deploy.processes.node import Node
from tests.tools.chaos.history import Pulse
from tests.tools.chaos.options import PARTITIONS, Tier
from tests.tools.chaos.recorder import Recorder
from tests.tools.chaos.system import System, management_url
from tests.tools.load.client.session import NoAnswerError, NotSentError

_EVERY_SECONDS = 1.0
_TIMEOUT = aiohttp.ClientTimeout(total=0.8)
_LAG = re.compile(r'^kafka_consumergroup_lag\{.*partition="(\d+)".*\} (\S+)$', re.MULTILINE)


class _Reply(NamedTuple):
    status: int
    text: str
    date: str


class Poller:
    """Polls every node of the tiers."""

    def __init__(self, session: aiohttp.ClientSession, system: System, recorder: Recorder) -> None:
        self._session = session
        self._system = system
        self._recorder = recorder
        self.last: Pulse | None = None

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            self._recorder.write(await self.take())
            await asyncio.sleep(_EVERY_SECONDS)

    async def take(self) -> Pulse:
        """Poll all nodes at once."""
        nodes = self._system.tiers
        workers = list(self._system.nodes[Tier.WORKER])
        live, ready, lags = await asyncio.gather(
            asyncio.gather(*(self._ok(node, "livez") for node in nodes)),
            asyncio.gather(*(self._ok(node, "readyz") for node in nodes)),
            asyncio.gather(*(self._lags(node) for node in workers)),
        )
        names = [node.name for node in nodes]
        self.last = Pulse(
            t=self._recorder.now(),
            lag=total_lag(lags),
            rss={node.name: size for node in nodes if (size := _rss(node))},
            ready=dict(zip(names, ready, strict=True)),
            live=dict(zip(names, live, strict=True)),
        )
        return self.last

    async def read_partitions(self, workers: Sequence[Node]) -> set[int]:
        """Return the partitions that *workers* read."""
        return set[int]().union(*await asyncio.gather(*(self._lags(node) for node in workers)))

    async def read_clock(self, node: Node) -> float | None:
        """Return the time of *node*, in seconds since 1970; None without an answer."""
        answer = await self._get(node, "livez")
        if answer is None or not answer.date:
            return None
        return parsedate_to_datetime(answer.date).timestamp()

    async def _ok(self, node: Node, path: str) -> bool | None:
        answer = await self._get(node, path)
        return None if answer is None else answer.status == 200

    async def _lags(self, node: Node) -> dict[int, int]:
        answer = await self._get(node, "metrics")
        return {} if answer is None else read_lags(answer.text)

    async def _get(self, node: Node, path: str) -> _Reply | None:
        url = f"{management_url(node)}/{path}"
        try:
            async with self._session.get(url, timeout=_TIMEOUT) as answer:
                return _Reply(answer.status, await answer.text(), answer.headers.get("Date", ""))
        except (NotSentError, NoAnswerError, aiohttp.ClientError, TimeoutError, ValueError):
            return None


def read_lags(metrics: str) -> dict[int, int]:
    """Return the lag of each partition in the *metrics* of a worker."""
    return {int(number): int(float(lag)) for number, lag in _LAG.findall(metrics)}


def total_lag(lags: list[dict[int, int]]) -> int | None:
    """Return the sum over all partitions; None while a partition has no owner."""
    known: dict[int, int] = {}
    for each in lags:
        for number, lag in each.items():
            known[number] = max(lag, known.get(number, 0))
    return sum(known.values()) if len(known) == PARTITIONS else None


def _rss(node: Node) -> int:
    pid = node.pid
    try:
        return 0 if pid is None else int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
