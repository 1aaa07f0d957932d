"""How the metrics of a worker are read."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from tests.tiers.stack import TierProcess
from tests.tools.bench.measurement import worker_metrics
from tests.tools.bench.measurement.result import MeasurementError

WORKER = TierProcess("worker-1", cast(Any, None), "http://worker", Path())


@dataclass(slots=True)
class Metrics:
    """The management port of a worker that fails *failures* times first; also its own answer."""

    failures: int
    requests: int = 0

    @asynccontextmanager
    async def get(self, _: str) -> AsyncIterator["Metrics"]:
        """See aiohttp.ClientSession."""
        self.requests += 1
        if self.requests <= self.failures:
            raise aiohttp.ServerDisconnectedError
        yield self

    async def text(self) -> str:
        """See aiohttp.ClientResponse."""
        return "# TYPE catchall_records counter\ncatchall_records_total 5\n"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_metrics, "POLL_SECONDS", 0)


async def test_a_lost_connection_does_not_end_the_measurement() -> None:
    """The request is repeated."""
    metrics = Metrics(failures=2)
    reading = await worker_metrics.read(cast(aiohttp.ClientSession, metrics), WORKER)
    assert (reading.records, metrics.requests) == (5, 3)


async def test_a_worker_that_does_not_answer_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its readings every rate would seem to hold."""
    monkeypatch.setattr(worker_metrics, "WITHIN_SECONDS", 0.01)
    metrics = cast(aiohttp.ClientSession, Metrics(failures=1_000_000))
    with pytest.raises(MeasurementError, match="worker-1 does not answer"):
        await worker_metrics.read(metrics, WORKER)
