"""Before the faults: count some events, delete their records, and start the workers again.

So the log starts above 0 in the whole run, for every worker that takes a partition over.
"""

import asyncio
from collections.abc import Iterator
from itertools import count

from aiokafka.errors import KafkaError

from deploy.processes.errors import ServersError
from shared.model.domain import DomainName
from shared.model.partitioning import partition_of
from tests.tools.chaos.faults.brokers import Brokers
from tests.tools.chaos.faults.supervisor import Supervisor
from tests.tools.chaos.options import BUCKETS, PARTITIONS, Tier
from tests.tools.chaos.recorder import Recorder
from tests.tools.chaos.system import System
from tests.tools.chaos.traffic.mix import Draft, Parcel
from tests.tools.chaos.traffic.traffic import Traffic
from tests.tools.load.streams.event import Kind, Outcome

_EVENTS = 7
_MOST_TRIES = 20


async def purge(
    system: System,
    recorder: Recorder,
    traffic: Traffic,
    brokers: Brokers,
    supervisor: Supervisor,
    seed: int,
) -> None:
    """Let every partition start above 0. Raises ServersError if that is not possible.

    The events have no keys: a worker that takes a partition over reads the keys from the log.
    """
    drafts = [Draft(name, Kind.DELIVERED, _EVENTS) for name in _one_domain_a_partition(seed)]
    for _ in range(_MOST_TRIES):
        if await traffic.send_one(Parcel(tuple(drafts), by_put=False)) is Outcome.ACCEPTED:
            break
        await asyncio.sleep(1.0)
    workers = system.nodes[Tier.WORKER]
    fault = recorder.begin("purge", ", ".join(worker.name for worker in workers))
    # Each counts and commits all that it has read.
    await asyncio.gather(*(supervisor.stop(worker, Tier.WORKER) for worker in workers))
    try:
        starts = await brokers.purge()
    except (KafkaError, TimeoutError) as error:
        raise ServersError(f"no records were deleted: {error!r}") from error
    above = sum(start > 0 for start in starts.values())
    await asyncio.gather(*(supervisor.start(worker, Tier.WORKER) for worker in workers))
    fault.end(f"{above} of {PARTITIONS} partitions start above 0")
    recorder.report(f"{above} of {PARTITIONS} partitions start above 0: {starts}")
    if above < PARTITIONS:
        supervisor.report_unexpected(f"only {above} partitions start above 0")


def _one_domain_a_partition(seed: int) -> Iterator[str]:
    found: set[int] = set()
    for number in count():
        name = f"purged-{number}-{seed:x}.example.com"
        partition = partition_of(DomainName(name), PARTITIONS, BUCKETS)
        if partition not in found:
            found.add(partition)
            yield name
        if len(found) == PARTITIONS:
            return
