"""Run everything: load, readers and faults, then healing, settling and the comparison."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deploy.servers.backends import Backend
from tests.tools.chaos.ending import Ending
from tests.tools.chaos.faults.brokers import Brokers
from tests.tools.chaos.faults.busiest import Busiest
from tests.tools.chaos.faults.clocks import Clocks
from tests.tools.chaos.faults.injector import FaultInjector
from tests.tools.chaos.faults.isolation import Isolation
from tests.tools.chaos.faults.scene import Scene
from tests.tools.chaos.faults.schedule import Kind, schedule
from tests.tools.chaos.faults.stores import Stores
from tests.tools.chaos.faults.supervisor import Supervisor
from tests.tools.chaos.history import Healed, Promise, Run
from tests.tools.chaos.opening import open_system
from tests.tools.chaos.options import THRESHOLD, ChaosOptions, Tier
from tests.tools.chaos.purge import purge
from tests.tools.chaos.recorder import Recorder, Report, open_recorder
from tests.tools.chaos.system import System
from tests.tools.chaos.traffic.expected import Expected
from tests.tools.chaos.traffic.pulse import Poller
from tests.tools.chaos.traffic.reader import QueryClient, read_domains
from tests.tools.chaos.traffic.traffic import REQUEST_SECONDS, Traffic
from tests.tools.load.client.session import open_session

PROMISE = Promise(refusal_seconds=8.0, visible_seconds=5.0, memory_bytes=256 * 1024 * 1024)
HISTORY = "history.jsonl"
CLOCKS = "clocks"
_LOAD_AFTER_HEALING_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of a run besides its history."""

    history: Path
    repeats: int
    left_out: list[str]
    unexpected: list[str]
    breaches: list[str]


async def run_chaos(
    options: ChaosOptions, backend: Backend, isolation: Isolation, report: Report
) -> Outcome:
    """Run once; raises ServersError if the system can't be started."""
    clocks = Clocks(options.faketime, options.directory / CLOCKS)
    async with open_system(options, backend, isolation, clocks, report) as system:
        with open_recorder(options.directory / HISTORY, report) as recorder:
            recorder.write(_first_line(options, system, recorder))
            return await _run(options, system, isolation, clocks, recorder)


async def _run(
    options: ChaosOptions,
    system: System,
    isolation: Isolation,
    clocks: Clocks,
    recorder: Recorder,
) -> Outcome:
    expected, busiest = Expected(), Busiest()
    planned_faults = schedule(options.seed, options.seconds, left_out=_impossible(options))
    brokers, stores = Brokers(system), await asyncio.to_thread(Stores, system)
    supervisor = Supervisor(system, isolation, recorder, brokers, stores)
    async with open_session(REQUEST_SECONDS) as session:
        traffic = Traffic(
            session, system.nodes[Tier.INGEST], recorder, expected, busiest, options.seed
        )
        pulse = Poller(session, system, recorder)
        questioner = QueryClient(session, recorder)
        reading = read_domains(
            questioner, system.nodes[Tier.QUERY], recorder, busiest, options.seed
        )
        await purge(system, recorder, traffic, brokers, supervisor, options.seed)
        scene = Scene(
            system,
            supervisor,
            isolation,
            clocks,
            recorder,
            busiest,
            brokers,
            stores,
            pulse.read_partitions,
            pulse.read_clock,
            began=recorder.now(),
            until=recorder.now() + options.seconds,
        )
        faults = FaultInjector(scene)
        try:
            async with (
                _beside(pulse.run()),
                _beside(reading),
                _beside(supervisor.supervise()),
            ):
                async with _beside(traffic.run(options.rate)):
                    await faults.run(planned_faults)
                    await asyncio.sleep(max(0.0, scene.until - recorder.now()))
                    recorder.report("healing")
                    await supervisor.heal()
                    healed = recorder.now()
                    recorder.write(Healed(t=healed))
                    recorder.report("healed")
                    await asyncio.sleep(_LOAD_AFTER_HEALING_SECONDS)
                await traffic.finish()
                patient = QueryClient(session, recorder, patient=True)
                ending = Ending(system, recorder, expected, traffic, pulse, patient, options.seed)
                await ending.settle(healed)
                wrong = await ending.compare()
            recorder.report(f"{len(expected.domains):,} domains compared, {len(wrong):,} wrong")
            await ending.record_rows(wrong)
        finally:
            await brokers.close()
            await asyncio.to_thread(stores.close)
    return Outcome(
        options.directory / HISTORY,
        traffic.repeats.made,
        faults.left_out,
        supervisor.unexpected,
        traffic.breaches,
    )


def _impossible(options: ChaosOptions) -> set[Kind]:
    """Return the kinds of faults that this machine does not allow."""
    possible = {
        Kind.CUT: options.cut,
        Kind.SPLIT: options.cut,
        Kind.DISK_FULL: options.small_disk,
        Kind.STEP: options.faketime is not None,
    }
    return {kind for kind, allowed in possible.items() if not allowed}


def _first_line(options: ChaosOptions, system: System, recorder: Recorder) -> Run:
    return Run(
        t=recorder.now(),
        seed=options.seed,
        began=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        threshold=THRESHOLD,
        promise=PROMISE,
        nodes=[node.name for node in system.all],
    )


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run *work* during the body; its error ends the body."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        try:
            yield
        finally:
            task.cancel()
