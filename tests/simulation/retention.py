"""Long, sparse runs: many owners one after the other, while superseded rows grow old."""

from shared.model.event import EventKind
from shared.model.record import Sums
from tests.simulation.schedule import FindingError
from tests.simulation.workers.worker import CLOCK_SECONDS, OTHERS_SECONDS
from tests.simulation.world import World

ROUNDS = 10
ROUND_SECONDS = 45.0
"""Shorter than the time after which other writers' rows are deleted: no owner sees a row grow so
old."""
MAX_ROWS = 3
"""The newest row of a domain, and those of two rounds before."""


def spend_rounds(world: World, *, faults: bool) -> None:
    """Let partitions move once in each round, perhaps with faults. Raises FindingError."""
    schedule = world.schedule
    for _ in range(ROUNDS):
        for _ in range(2):
            schedule.after(schedule.between(0.0, 10.0), world.append)
        schedule.after(schedule.between(28.0, 34.0), world.faults.move_partitions)
        if faults:
            world.faults.plan(1, ROUND_SECONDS)
        schedule.run(schedule.now + ROUND_SECONDS)
        if not faults:
            check_rows(world)


def grow_old(world: World) -> None:
    """Let all superseded rows grow old enough, after the faults. Raises FindingError."""
    schedule = world.schedule
    schedule.run(schedule.now + OTHERS_SECONDS + 2 * CLOCK_SECONDS)
    for partition in world.topic_partitions:  # a bucket without events is never read
        domains = [domain.encode() for domain in world.domains]
        partition.append(Sums(EventKind.DELIVERED, domains, [1] * len(domains)))
    schedule.run(schedule.now + ROUND_SECONDS)
    check_rows(world)


def check_rows(world: World) -> None:
    """Raise FindingError if a domain has too many rows of one partition."""
    for partition in world.topic_partitions:
        for domain in world.domains:
            rows = world.stores.read(partition.name, domain) or []
            if len(rows) > MAX_ROWS:
                raise FindingError(f"{partition.name} {domain} has {len(rows)} rows")
