"""Run a load from the first check to the report.

1. Check that there is a system, and that it has not seen this seed.
2. If requested, measure the rate of this client alone.
3. Send from separate processes and add up the outcome of each event.
4. Request every domain until every count is right.
5. Wait a little and compare everything again: a duplicate may arrive late.

With a ledger file, write into it what was sent, and leave the comparison to another program: it
may read the store itself, which is faster for millions of domains.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import aiohttp

from tests.tools.load.client.session import open_session
from tests.tools.load.machine import describe_machine
from tests.tools.load.options import LoadOptions, Profile
from tests.tools.load.preflight import check_ingest, check_query, check_urls
from tests.tools.load.report.lag import LagWatch
from tests.tools.load.report.report import Report
from tests.tools.load.report.snapshot import snapshot_of
from tests.tools.load.report.watch import SilentWatcher, Watcher, watched
from tests.tools.load.sending.ceiling import measure_ceiling
from tests.tools.load.sending.ledger_file import write_ledger
from tests.tools.load.sending.processes import Results, send_all
from tests.tools.load.streams.profiles import stream_of
from tests.tools.load.verification.query_client import QueryClient
from tests.tools.load.verification.verify import Verifier

_FIRST_EVENTS = 1_000
"""The system must not know the domains of these events; the limit of the API for one request."""
_QUESTIONS_PER_NODE = 2
"""At a time. A node with more requests than it can answer answers none in time."""
_QUESTION_SECONDS = 60.0


async def run_load(options: LoadOptions, watcher: Watcher | None = None) -> Report:
    """Send the load, verify every count and return the report.

    Raises PreflightError, before the first event, if there is no system to send to, and
    SendingError if a sending process dies.
    """
    watcher = watcher or SilentWatcher()
    options = replace(
        options,
        ingest=_without_slashes(options.ingest),
        query=_without_slashes(options.query),
        worker_management=_without_slashes(options.worker_management),
    )
    async with open_session(options.request_timeout_seconds) as session:
        await _preflight(session, options)
        ceiling = await _ceiling(options, watcher)
        results = await _send(session, options, watcher)
    if options.ledger_file:
        write_ledger(results.ledger, Path(options.ledger_file))
        return _report(options, results, len(results.ledger.numbers()), ceiling)
    async with open_session(_QUESTION_SECONDS) as session:
        get_answers = QueryClient(session, options.query).get
        at_a_time = _QUESTIONS_PER_NODE * len(options.query)
        verifier = Verifier(get_answers, results.ledger, stream_of(options).name, at_a_time)
        right_at = await _verify(verifier, options, watcher)
    report = _report(options, results, verifier.domains, ceiling)
    last_accepted = results.last_accepted or results.ended
    return replace(
        report,
        seconds_until_right=None if right_at is None else right_at - last_accepted,
        wrong_count=verifier.wrong_count,
        wrong=verifier.wrong,
    )


async def _preflight(session: aiohttp.ClientSession, options: LoadOptions) -> None:
    check_urls(options.ingest)
    stream = stream_of(options)
    numbers = {code // 2 for code in stream.take(_FIRST_EVENTS)}
    for node in options.ingest:
        await check_ingest(session, node)
    if options.ledger_file:
        return
    for node in options.query:
        await check_query(session, node, [stream.name(number) for number in numbers])


async def _ceiling(options: LoadOptions, watcher: Watcher) -> float | None:
    if not options.ceiling:
        return None
    watcher.show("measuring this client", 0, 1)
    ceiling = await measure_ceiling(options)
    watcher.show("measuring this client", 1, 1)
    return ceiling


async def _send(session: aiohttp.ClientSession, options: LoadOptions, watcher: Watcher) -> Results:
    latest: list[Results] = []
    lag = LagWatch(session, options.worker_management)

    def settled() -> int:
        return latest[0].series.settled if latest else 0

    def show() -> None:
        if not latest:
            return
        watcher.sending(
            snapshot_of(
                latest[0].series,
                seconds=perf_counter() - latest[0].began,
                total=options.events,
                in_flight=sum(latest[0].in_flight.values()),
                lag=lag.records,
            )
        )

    def on_progress(results: Results) -> None:
        latest[:] = [results]

    async with asyncio.TaskGroup() as tasks:
        polling = tasks.create_task(lag.poll())
        async with watched(watcher, "sending", settled, options.events, show):
            results = await send_all(options, on_progress)
        polling.cancel()
    return results


async def _verify(verifier: Verifier, options: LoadOptions, watcher: Watcher) -> float | None:
    """Return when every count was right; None if one is not, or did not stay so."""
    right: Callable[[], int] = lambda: verifier.right  # noqa: E731 it is passed on twice
    async with watched(watcher, "verifying", right, verifier.domains):
        right_at = await verifier.wait_until_right(options.verify_timeout_seconds)
    if right_at is None:
        return None
    await asyncio.sleep(options.settle_seconds)
    async with watched(watcher, "comparing again", right, verifier.domains):
        stayed = await verifier.wait_until_right(options.verify_timeout_seconds)
    return None if stayed is None else right_at


def _report(options: LoadOptions, results: Results, domains: int, ceiling: float | None) -> Report:
    series = results.series
    offered = series.settled / results.seconds_sending if options.closed_loop else options.rate
    return Report(
        seed=options.seed,
        profile=describe_profile(options),
        mode=options.mode.value,
        closed_loop=options.closed_loop,
        connections=options.connections,
        processes=options.processes,
        offered_per_second=offered,
        events=series.settled,
        accepted=series.accepted,
        refused=series.refused,
        unanswered=series.unanswered,
        refused_by=dict(series.refused_by.most_common()),
        unanswered_by=dict(series.unanswered_by.most_common()),
        seconds_sending=results.seconds_sending,
        latencies={way.value: latency for way, latency in series.latencies().items()},
        start_lag=series.start_lag(),
        cpu_seconds=results.cpu_seconds,
        ceiling_per_second=ceiling,
        domains=domains,
        seconds_until_right=None,
        wrong_count=0,
        wrong=[],
        compared=not options.ledger_file,
        breaches=results.breaches,
        series=series.rows(),
        percentiles=series.curve(),
        machine=describe_machine(),
    )


def describe_profile(options: LoadOptions) -> str:
    """Return a short description of the workload."""
    if options.profile is Profile.WAVES:
        return "waves"
    law = "uniform" if options.exponent is None else f"Zipf {options.exponent:g}"
    return f"wide ({options.domains:,} domains, {law})"


def _without_slashes(urls: Sequence[str]) -> tuple[str, ...]:
    return tuple(url.rstrip("/") for url in urls)
