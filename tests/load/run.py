"""Run a load from the first check to the report.

1. Make sure that there is a system, and that it has not seen this seed.
2. Send on schedule and enter what became of each event in the ledger.
3. Ask for every domain until every count is right.
4. Wait a little and compare everything again: what is doubled may come late.
"""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random
from time import perf_counter

import aiohttp

from tests.load.event import Outcome
from tests.load.http import open_session
from tests.load.ingest_client import IngestClient
from tests.load.ledger import Ledger
from tests.load.options import LoadOptions, Mode
from tests.load.preflight import check_ingest, check_query
from tests.load.query_client import QueryClient
from tests.load.report import Report
from tests.load.schedule import Shipment, schedule
from tests.load.sender import Sender, Tally
from tests.load.verify import Verifier
from tests.load.watch import Silence, Watcher, watched
from tests.load.waves import ACTIVE_DOMAINS, Waves, lives


async def run_load(options: LoadOptions, watcher: Watcher | None = None) -> Report:
    """Send the load, verify every count and return what was found.

    Raises PreflightError before anything is sent where there is nothing to send it to.
    """
    watcher = watcher or Silence()
    waves, ledger, tally = Waves(options.seed), Ledger(), Tally()
    async with open_session(options.request_timeout_seconds) as session:
        await _preflight(session, options)
        sender = Sender(IngestClient(session), ledger, tally)
        async with watched(watcher, "sending", tally.outcomes.total, options.events):
            seconds_sending = await sender.run(
                _shipments(waves, options), _without_slashes(options.ingest), options.connections
            )
        ended = perf_counter()
        ask = QueryClient(session, _without_slashes(options.query)).ask
        verifier = Verifier(ask, ledger, waves.name)
        right_at = await _verify(verifier, len(ledger), options, watcher)
    return Report(
        seed=options.seed,
        mode=options.mode.value,
        offered_per_second=options.rate,
        events=options.events,
        accepted=tally.outcomes[Outcome.ACCEPTED],
        refused=tally.outcomes[Outcome.REFUSED],
        unanswered=tally.outcomes[Outcome.UNANSWERED],
        refused_by=dict(tally.reasons[Outcome.REFUSED].most_common()),
        unanswered_by=dict(tally.reasons[Outcome.UNANSWERED].most_common()),
        seconds_sending=seconds_sending,
        latencies={
            way.value: stopwatch.read()
            for way, stopwatch in tally.latencies.items()
            if options.mode in {Mode.MIXED, way.value}
        },
        start_lag=tally.start_lag.read(),
        domains=len(ledger),
        seconds_until_right=None if right_at is None else right_at - (tally.last_accepted or ended),
        wrong=verifier.wrong,
        breaches=tally.breaches,
    )


async def _preflight(session: aiohttp.ClientSession, options: LoadOptions) -> None:
    names = [life.name for life in islice(lives(options.seed), ACTIVE_DOMAINS)]
    for node in _without_slashes(options.ingest):
        await check_ingest(session, node)
    for node in _without_slashes(options.query):
        await check_query(session, node, names)


def _shipments(waves: Waves, options: LoadOptions) -> Iterator[Shipment]:
    return schedule(
        islice(waves.events(), options.events),
        rate=options.rate,
        mode=options.mode,
        bulk_lines=options.bulk_lines,
        put_share=options.put_share,
        random=Random(f"ways {options.seed}"),
    )


async def _verify(
    verifier: Verifier, domains: int, options: LoadOptions, watcher: Watcher
) -> float | None:
    """Return when every count was right; None where one is not, or did not stay so."""
    async with watched(watcher, "verifying", lambda: verifier.right, domains):
        right_at = await verifier.wait_until_right(options.verify_timeout_seconds)
    if right_at is None:
        return None
    await asyncio.sleep(options.settle_seconds)
    async with watched(watcher, "comparing again", lambda: verifier.right, domains):
        stayed = await verifier.wait_until_right(options.verify_timeout_seconds)
    return None if stayed is None else right_at


def _without_slashes(urls: Sequence[str]) -> tuple[str, ...]:
    return tuple(url.rstrip("/") for url in urls)
