"""One run from one seed: a world, its faults, and what must hold."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from shared.errors import PipelineError
from tests.simulation.cassandra.replica_sets import TROUBLE
from tests.simulation.liveness import heal
from tests.simulation.retention import grow_old, spend_rounds
from tests.simulation.schedule import FindingError, Schedule
from tests.simulation.world import Parts, World

FAULTS_SECONDS = 18.0


class Kind(StrEnum):
    """What a run checks."""

    SAFETY = "safety"
    """Nothing wrong is ever shown or committed, whatever happens."""
    LIVENESS = "liveness"
    """Nor then, and once the faults end everything is right and committed in time."""
    RETENTION = "retention"
    """The same over several times the retention of superseded rows, and these do not pile up."""


def kind_of(seed: int) -> Kind:
    """Return the kind of the run of *seed*: they alternate, and a few are long."""
    if seed % 50 == 1:
        return Kind.RETENTION
    return Kind.LIVENESS if seed % 4 == 0 else Kind.SAFETY


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a run; ``finding`` is empty if nothing is wrong."""

    seed: int
    kind: Kind
    finding: str
    injected: dict[str, int]
    history: list[str] = field(default_factory=list)


@contextmanager
def _defects_are_findings() -> Iterator[None]:
    """Turn an exception of the consumer's code into a finding."""
    try:
        yield
    except FindingError:
        raise
    except (PipelineError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise FindingError(f"raised: {error!r}\n{traceback.format_exc()}") from error


def run(seed: int, parts: Parts, *, recording: bool = False) -> Result:
    """Run the world of *seed*; the same seed and parts give the same result."""
    schedule, kind = Schedule(seed, recording=recording), kind_of(seed)
    faults = kind is not Kind.RETENTION or schedule.chance() < 0.5
    trouble = schedule.random.choice(TROUBLE) if faults else 0.0
    world = World(schedule, trouble, parts)
    finding = ""
    try:
        with _defects_are_findings():
            _play(world, kind, faults=faults)
    except FindingError as error:
        finding = str(error)
    injected = {name: schedule.injected[name] for name in sorted(schedule.injected)}
    history = [*schedule.history, *world.ending()] if recording else []
    return Result(seed, kind, finding, injected, history)


def _play(world: World, kind: Kind, *, faults: bool) -> None:
    schedule = world.schedule
    world.reader.start()
    if kind is Kind.RETENTION:
        spend_rounds(world, faults=faults)
        heal(world)
        grow_old(world)
    else:
        for _ in range(schedule.random.randint(6, 12)):
            schedule.after(schedule.between(0.0, FAULTS_SECONDS), world.append)
        world.faults.plan(schedule.random.randint(2, 8), FAULTS_SECONDS)
        schedule.run(FAULTS_SECONDS)
    if kind is Kind.LIVENESS:
        heal(world)
    for domain in world.domains:
        world.reader.read(domain)
