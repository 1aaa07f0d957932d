"""Count every domain once, through the product: ``python -m tests.tools.bench.assignment.preload``.

A worker never continues a row of another writer. So rows that something else wrote would leave it
with two rows a domain; after these requests it has one, and is where its own work has brought it.
"""

import sys
from collections.abc import Iterator

import msgspec
import uvloop

from tests.tools.bench.comparison.population import bodies
from tests.tools.bench.measurement.result import MeasurementError, print_result
from tests.tools.load.client.closed_loop import ClosedLoop
from tests.tools.load.client.connection import Answer
from tests.tools.load.client.node import node_at
from tests.tools.load.streams.wide_stream import WideStream

LINES = 5_000
_CONNECTIONS = 3
_SLOWEST_PER_SECOND = 3_000.0


class PreloadJob(msgspec.Struct, frozen=True, kw_only=True):
    """The domains, and the node that receives their events."""

    url: str
    seed: int
    domains: int
    buckets: int
    partitions: int


class Preloaded(msgspec.Struct, frozen=True):
    """The number of accepted events, of one line each."""

    lines: int


class _Outcomes(msgspec.Struct):
    accepted: int


class Preload:
    """The requests sent and answered so far."""

    def __init__(self, job: PreloadJob) -> None:
        self._job = job
        self._node = node_at(job.url)
        self._sent = self._accepted = 0
        self._refused: Answer | None = None

    async def run(self) -> Preloaded:
        """Send all; raises MeasurementError unless every line was accepted."""
        loop = ClosedLoop(self._node, self._record)
        loop.feed(self._requests())
        await loop.open(_CONNECTIONS)
        drained = await loop.drain(60.0 + self._job.domains / _SLOWEST_PER_SECOND)
        await loop.close()
        if not drained or loop.lost_requests or self._accepted != self._sent:
            raise MeasurementError(
                f"{self._accepted:,} of {self._sent:,} lines were accepted, {loop.lost_requests} "
                f"requests lost; first refusal: {self._refused}"
            )
        return Preloaded(self._accepted)

    def _requests(self) -> Iterator[bytes]:
        job = self._job
        stream = WideStream(job.seed, job.domains)
        for lines, body in bodies(stream, job.domains, job.buckets, job.partitions, LINES):
            self._sent += lines
            yield self._node.post(body)

    def _record(self, answer: Answer, _seconds: float) -> None:
        if answer.status == 202:
            self._accepted += msgspec.json.decode(answer.body, type=_Outcomes).accepted
        elif self._refused is None:
            self._refused = answer


if __name__ == "__main__":
    print_result(uvloop.run(Preload(msgspec.json.decode(sys.argv[1], type=PreloadJob)).run()))
