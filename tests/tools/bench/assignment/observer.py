"""Look at the system every second while the load runs; report a line every ten seconds."""

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter

import aiohttp
import psutil

from tests.tiers.stack import TierProcess
from tests.tools.bench.assignment.samples import Sample, Usage, describe
from tests.tools.bench.measurement.cpu import cpu_seconds, resident_bytes
from tests.tools.bench.measurement.worker_metrics import read_sums

_ANSWERED = "catchall_ingest_events_total"
_APPENDED = "catchall_ingest_batch_records_sum"
_UNREAD = "kafka_consumergroup_lag"
_COMMITTED = "kafka_consumergroup_current_offset"
_AGE = "catchall_oldest_event_seconds"
_ROWS = "catchall_counter_writes_total"
_WRITES = "catchall_counter_write_seconds_count"
_WRITE_SECONDS = "catchall_counter_write_seconds_sum"
_EVERY_SECONDS = 1.0
_REPORT_SECONDS = 10.0


class Observer:
    """The samples so far; ``processes`` are the process ids by name."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        ingest: TierProcess,
        workers: Sequence[TierProcess],
        report: Callable[[str], None],
    ) -> None:
        self.processes: dict[str, int] = {}
        self.workers = list(workers)
        self.samples: list[Sample] = []
        self._http = http
        self._ingest = ingest
        self._report = report
        self._usages: dict[str, Usage] = {}

    async def run(self) -> None:
        """Take samples until cancelled."""
        began = perf_counter()
        reported = await self.sample()
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            due = perf_counter() - reported.at >= _REPORT_SECONDS
            try:
                now = await self.sample(usage=due)
            except aiohttp.ClientError:
                continue  # of a worker that is being killed
            if not due:
                continue
            self._report(describe(now, reported, began))
            reported = now

    async def sample(self, *, usage: bool = True) -> Sample:
        """Take a sample; the usage of processes costs most of it."""
        ingest = await read_sums(self._http, self._ingest, _ANSWERED, _APPENDED)
        workers = [
            await read_sums(
                self._http,
                worker,
                *(_UNREAD, _COMMITTED, _AGE, _ROWS, _WRITES, _WRITE_SECONDS),
            )
            for worker in self.workers
        ]
        sample = Sample(
            at=perf_counter(),
            answered=ingest[_ANSWERED],
            appended=ingest[_APPENDED],
            unread=sum(worker[_UNREAD] for worker in workers),
            committed=sum(worker[_COMMITTED] for worker in workers),
            age_seconds=max(worker[_AGE] for worker in workers),
            rows=sum(worker[_ROWS] for worker in workers),
            writes=sum(worker[_WRITES] for worker in workers),
            write_seconds=sum(worker[_WRITE_SECONDS] for worker in workers),
            usage=self._usage() if usage else {},
        )
        self.samples.append(sample)
        return sample

    def _usage(self) -> dict[str, Usage]:
        """Return the usage of every process that is alive; of the others the last known one."""
        for name, pid in self.processes.items():
            try:
                self._usages[name] = Usage(cpu_seconds(pid), resident_bytes(pid))
            except psutil.NoSuchProcess:
                continue
        return dict(self._usages)
