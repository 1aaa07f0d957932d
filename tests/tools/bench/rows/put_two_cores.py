"""Row 2: PUT into a real Kafka, with client and Kafka on the same cores, nothing pinned."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

from tests.tools.bench.bench import Bench, target_of
from tests.tools.bench.client.pump_job import PUT_CONNECTIONS, PumpResult, put_job
from tests.tools.bench.report.figure import Figure, Of, Reference, at_least
from tests.tools.bench.rows.put_one_core import BARE_AIOHTTP

PROCESSES = (1, 2)
_BUILD_SECONDS = 180
_SOURCE = Path(__file__).parents[1] / "reference" / "go" / "main.go"


async def measure(bench: Bench) -> AsyncIterator[Figure]:
    """Yield the figures."""
    job = put_job(bench.effort)
    async with AsyncExitStack() as running:
        jobs = {
            "bare": (await running.enter_async_context(bench.reference("bare", *BARE_AIOHTTP)), job)
        }
        program, why_not = await _build_go(bench)
        if program is not None:
            jobs["go"] = (await running.enter_async_context(bench.reference("go", program)), job)
        for processes in PROCESSES:
            stack = bench.stack("put", INGEST_PROCESSES=str(processes))
            node = await (await running.enter_async_context(stack)).ingest()
            jobs[str(processes)] = (target_of(node.url, node.running.pid), job)
        results = await bench.pump_in_turns(jobs)
    bare, go = results["bare"], results.get("go")
    ours = {processes: results[str(processes)] for processes in PROCESSES}
    one = ours[PROCESSES[0]]
    yield Figure(
        name="PUT into Kafka, all on the same cores, one process",
        unit="1/s",
        ours=one.per_second,
        reference=Reference("bare aiohttp, no Kafka", bare.per_second),
        detail=_describe(one),
    )
    yield Figure(
        name="P95 of such a PUT",
        unit="ms",
        ours=one.times.p95,
        reference=Reference("bare aiohttp, no Kafka", bare.times.p95),
        detail=f"{PUT_CONNECTIONS} connections, closed loop; ours {one.times}; bare {bare.times}",
    )
    processes, best = max(ours.items(), key=lambda item: item[1].per_second)
    yield Figure(
        name=f"PUT into Kafka, the better of {PROCESSES[0]} and {PROCESSES[-1]} processes",
        unit="1/s",
        ours=best.per_second,
        reference=None if go is None else Reference("Go, a bare map, no Kafka", go.per_second),
        goal=at_least(1.0, Of.RATIO),
        detail=f"{processes} process(es): {_describe(best)}; "
        + (why_not if go is None else f"Go {go.times}"),
    )


async def _build_go(bench: Bench) -> tuple[str | None, str]:
    """Return the path of the Go server, or None and the reason."""
    if (compiler := shutil.which("go")) is None:
        return None, "no Go on the PATH"
    program = bench.folder / "go-bare-map"
    built = await asyncio.to_thread(
        subprocess.run,
        (compiler, "build", "-o", program, _SOURCE),
        capture_output=True,
        text=True,
        timeout=_BUILD_SECONDS,
        check=False,
        # The standard library is enough: no network access.
        env={**os.environ, "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": ""},
    )
    if built.returncode != 0:
        lines = built.stderr.splitlines() or ["no output"]
        return None, f"Go can't build it: {lines[-1]}"
    return str(program), ""


def _describe(result: PumpResult) -> str:
    return (
        f"{result.times}; CPU {result.cpu_us('server'):.1f} us per PUT in the server, "
        f"{result.own_cpu / result.seconds:.0%} of a core in the client; "
        f"refused {result.refused:,}"
    )
