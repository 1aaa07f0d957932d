"""Keep connections to a server busy: ``python -m tests.tools.bench.client.pump JOB``.

A closed loop: each connection sends its next request when the last one is answered. So the server
sets the rate, and a time is measured from sending to the answer. Prints the result as JSON.
"""

import os
import sys
from collections.abc import Iterable
from itertools import cycle
from time import perf_counter

import msgspec
import uvloop

from tests.tools.bench.client.pump_job import PumpJob, PumpResult
from tests.tools.bench.client.requests import build_requests
from tests.tools.bench.measurement.cpu import cpu_seconds
from tests.tools.bench.measurement.percentile import percentiles_ms
from tests.tools.bench.measurement.result import print_result
from tests.tools.load.client.closed_loop import ClosedLoop
from tests.tools.load.client.connection import Answer
from tests.tools.load.client.node import node_at

_DRAIN_SECONDS = 10.0


class _Outcomes(msgspec.Struct):
    accepted: int


class Pump:
    """All connections, and the answers of the present window."""

    def __init__(self, job: PumpJob, requests: list[bytes]) -> None:
        self._job = job
        self._requests: Iterable[bytes] = requests if job.once else cycle(requests)
        self._loop = ClosedLoop(node_at(f"http://{job.host}:{job.port}"), self._record)
        self._times: list[float] = []
        self._statuses: dict[int, int] = {}
        self._events = 0

    async def run(self) -> PumpResult:
        """Connect, warm up, measure, and wait for the answers in flight."""
        loop, job = self._loop, self._job
        loop.feed(self._requests)
        await loop.open(job.connections)
        if job.warm_up_seconds and await loop.drain(job.warm_up_seconds):
            raise RuntimeError("every request was sent before the measurement began")
        self._times, self._statuses, self._events = [], {}, 0
        loop.lost_requests = 0
        before = {name: cpu_seconds(pid) for name, pid in job.watched.items()}
        own, began = cpu_seconds(os.getpid()), perf_counter()
        await loop.drain(job.seconds)
        seconds, own = perf_counter() - began, cpu_seconds(os.getpid()) - own
        cpu = {name: cpu_seconds(pid) - before[name] for name, pid in job.watched.items()}
        result = PumpResult(
            seconds=seconds,
            statuses=dict(self._statuses),
            good=sum(n for status, n in self._statuses.items() if 200 <= status < 300),
            events=self._events,
            lost=loop.lost_requests,
            times=percentiles_ms(self._times),
            cpu=cpu,
            own_cpu=own,
        )
        loop.feed(())
        await loop.drain(_DRAIN_SECONDS)
        await loop.close()
        return result

    def _record(self, answer: Answer, seconds: float) -> None:
        self._times.append(seconds)
        status = answer.status
        self._statuses[status] = self._statuses.get(status, 0) + 1
        if status == 202 and answer.body:
            self._events += msgspec.json.decode(answer.body, type=_Outcomes).accepted
        elif status < 300:
            self._events += 1


def main() -> None:
    """Run the job of the command line."""
    job = msgspec.json.decode(sys.argv[1], type=PumpJob)
    if job.core is not None:
        os.sched_setaffinity(0, {job.core})
    requests = build_requests(
        job.workload, seed=job.seed, events=job.events, domains=job.domains, lines=job.lines
    )
    print_result(uvloop.run(Pump(job, requests).run()))


if __name__ == "__main__":
    main()
