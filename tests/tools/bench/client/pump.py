"""Keep connections busy: ``python -m tests.tools.bench.client.pump JOB``.

Closed loop: the next request leaves when the answer to the last has come, so the rate is what
the server gives, and a time is from sending to the answer. Prints what it saw as JSON.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from itertools import cycle
from time import perf_counter
from typing import cast

import httptools
import msgspec
import uvloop

from tests.tools.bench.client.answer import Answer, AnswerReader
from tests.tools.bench.client.pump_job import PumpJob, PumpResult
from tests.tools.bench.client.requests import build_requests
from tests.tools.bench.measurement.cpu import cpu_seconds
from tests.tools.bench.measurement.percentile import percentiles_ms
from tests.tools.bench.measurement.result import hand_over

_DRAIN_SECONDS = 10.0
_MOST_LOST = 1_000
"""Connections that ended before their answer; with more of them nothing is being measured."""


class Pump:
    """All connections and what they have seen in the present window."""

    def __init__(self, job: PumpJob, requests: list[bytes]) -> None:
        self._job = job
        self.known: dict[bytes, Answer] = {}
        self.requests: Iterator[bytes] = iter(requests) if job.once else cycle(requests)
        self.stopping = False
        self.in_flight = 0
        self.idle = asyncio.Event()
        self.lost = 0
        self.times: list[float] = []
        self.statuses: dict[int, int] = {}
        self.events = 0

    async def run(self) -> PumpResult:
        """Connect, warm up, measure, and let what is in flight be answered."""
        loop, job = asyncio.get_running_loop(), self._job
        connections = [Connection(self) for _ in range(job.connections)]
        await asyncio.gather(*(c.connect(loop, job.host, job.port) for c in connections))
        if job.warm_up_seconds:
            await self._wait(job.warm_up_seconds)
        if self.idle.is_set():
            raise RuntimeError("every request was sent before the measurement began")
        self.times, self.statuses, self.events, self.lost = [], {}, 0, 0
        before = {name: cpu_seconds(pid) for name, pid in job.watched.items()}
        own, began = cpu_seconds(os.getpid()), perf_counter()
        await self._wait(job.seconds)
        seconds, own = perf_counter() - began, cpu_seconds(os.getpid()) - own
        cpu = {name: cpu_seconds(pid) - before[name] for name, pid in job.watched.items()}
        good = sum(number for status, number in self.statuses.items() if 200 <= status < 300)
        result = PumpResult(
            seconds=seconds,
            statuses=dict(self.statuses),
            good=good,
            events=self.events,
            lost=self.lost,
            times=percentiles_ms(self.times),
            cpu=cpu,
            own_cpu=own,
        )
        self.stopping = True
        await self._wait(_DRAIN_SECONDS)
        await asyncio.gather(*(connection.end() for connection in connections))
        return result

    async def _wait(self, seconds: float) -> None:
        """Wait that long, or until nothing is in flight and nothing is left to send."""
        try:
            async with asyncio.timeout(seconds):
                await self.idle.wait()
        except TimeoutError:
            return

    def answered(self, answer: Answer, seconds: float) -> None:
        """Note an answer."""
        self.times.append(seconds)
        self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
        if answer.status < 300:
            self.events += answer.events


class Connection(asyncio.Protocol):
    """One connection; when the server ends it, the next takes its place."""

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._reader = AnswerReader(pump.known)
        self._waiting = False
        self._sent_at = 0.0
        self._again: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    async def connect(self, loop: asyncio.AbstractEventLoop, host: str, port: int) -> None:
        """Connect and send the first request."""
        self._loop, self._host, self._port = loop, host, port
        await loop.create_connection(lambda: self, host, port)

    async def end(self) -> None:
        """Close it, and return when it is closed."""
        if self._again is not None and not self._again.done():
            self._again.cancel()
            await asyncio.wait([self._again])
        self._transport.close()
        await self._ended.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._ended.clear()
        self._send()

    def _send(self) -> None:
        request = None if self._pump.stopping else next(self._pump.requests, None)
        if request is None:
            if not self._pump.in_flight:
                self._pump.idle.set()
            return
        self._waiting = True
        self._pump.in_flight += 1
        self._sent_at = perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Note the answer, once it is whole, and send the next request."""
        try:
            answer = self._reader.feed(data)
        except httptools.HttpParserError:
            self._transport.close()
            return
        if answer is None:
            return
        self._waiting = False
        self._pump.in_flight -= 1
        self._pump.answered(answer, perf_counter() - self._sent_at)
        if answer.keep_alive:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        """Count an answer that will not come, and connect again."""
        self._ended.set()
        if self._waiting:
            self._waiting = False
            self._pump.in_flight -= 1
            self._pump.lost += 1
        self._reader = AnswerReader(self._pump.known)
        if not self._pump.stopping and self._pump.lost < _MOST_LOST:
            self._again = self._loop.create_task(self.connect(self._loop, self._host, self._port))


def main() -> None:
    """Do the job of the command line."""
    job = msgspec.json.decode(sys.argv[1], type=PumpJob)
    if job.core is not None:
        os.sched_setaffinity(0, {job.core})
    requests = build_requests(
        job.workload, seed=job.seed, events=job.events, domains=job.domains, lines=job.lines
    )
    result = uvloop.run(Pump(job, requests).run())
    hand_over(result)


if __name__ == "__main__":
    main()
