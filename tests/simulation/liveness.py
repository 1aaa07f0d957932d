"""The end of all faults: everything must become right in time."""

from collections.abc import Callable, Sequence

from shared.model.domain import DomainName
from tests.simulation.schedule import FindingError
from tests.simulation.world import World

HEALED_WITHIN_SECONDS = 60.0
"""Enough for a drain, two rebalances, the start of reading and two commits."""
TIMES_RIGHT = 2
_STEP_SECONDS = 5.0


def heal(world: World) -> None:
    """End the faults: everything must become right, committed and settled in time."""
    schedule = world.schedule
    if schedule.recording:
        schedule.record("world", "no more faults")
    world.group.trouble = world.topic.trouble = 0.0
    for store in world.stores.sets:
        store.trouble = 0.0
    world.faults.end()
    if not any(worker.alive for worker in world.running):
        world.start_worker()
    if len(world.stores.sets) > 1:
        _serve_without_one_set(world)
    _wait_until_right(world, lambda: _missing(world))


def _serve_without_one_set(world: World) -> None:
    """Take the quorum of one set away: the buckets of the others must be counted in time."""
    schedule = world.schedule
    without = world.stores.sets[int(schedule.chance() * len(world.stores.sets))]
    away = without.lose_quorum()
    domains = [d for d in world.domains if world.stores.of_domain(d) is not without]
    _wait_until_right(world, lambda: _uncounted(world, domains))
    for node in away:
        without.restart(node)


def _wait_until_right(world: World, missing_now: Callable[[], str | None]) -> None:
    schedule = world.schedule
    end = schedule.now + HEALED_WITHIN_SECONDS
    # A stale worker may not have noticed yet, so being right once is not enough.
    times_right = 0
    while times_right < TIMES_RIGHT:
        missing = missing_now()
        times_right = 0 if missing else times_right + 1
        if missing and schedule.now >= end:
            raise FindingError(f"not right {HEALED_WITHIN_SECONDS:.0f} s later: {missing}")
        schedule.run(schedule.now + _STEP_SECONDS)


def _missing(world: World) -> str | None:
    for number, partition in enumerate(world.topic_partitions):
        end = len(partition.records)
        if world.group.committed(number) != end:
            return f"{partition.name} is committed at {world.group.committed(number)} of {end}"
        owners = [w for w in world.running if w.alive and number in w.partitions]
        if len(owners) != 1 or not owners[0].partitions[number].ledger.settled:
            return f"{partition.name} is not settled by {[w.name for w in owners]}"
        if world.group.rebalancing or owners[0] not in world.group.members:
            return f"{partition.name} has no stable owner"
    return _uncounted(world, world.domains)


def _uncounted(world: World, domains: Sequence[DomainName]) -> str | None:
    for partition in world.topic_partitions:
        end = len(partition.records)
        for domain in domains:
            applied = world.stores.applied_offset(partition.name, domain)
            if partition.truth(domain, applied) != partition.truth(domain, end):
                return f"{partition.name} {domain} is counted up to {applied} of {end}"
    return None
