"""List partitions that workers do not read, and start them.

``python -m deploy.stopped_partitions list|accept``. A worker stops a partition alone if records
were deleted before they were counted, if the group has no committed offset for it and its beginning
is deleted, or if Kafka has fewer records than are counted. ``list`` prints the reason and the most
records that may be lost. ``accept`` records that the operator accepts this loss: the worker starts
the partition at the oldest kept record within some seconds. Nothing counts twice: the rows have the
offsets up to which they count. If more records are deleted in between, the partition stays stopped.
``accept`` refuses where Kafka has fewer records than are counted (``deploy/RUNBOOK.md``).

The decision is committed in a consumer group of its own, ``<group>.accepted-losses``, because Kafka
refuses a commit to a group that has members.

Exit status: 0 done; 1 it could not continue, or a partition cannot be started; 2 the command line
or the environment is wrong.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from consumer.config import WorkerSettings
from consumer.counting.start import AcceptedLoss, Stopped
from consumer.kafka.partition_offsets import PartitionOffsets, group_of_accepted_losses
from shared.config import EnvironmentReader, KafkaConfig
from shared.errors import BrokerUnavailableError, PipelineError
from shared.kafka.client import client_arguments
from shared.kafka.rights import Right, require_access
from shared.runtime.lifecycle import main

_LIMIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class StoppedPartitionsConfig:
    """The settings of this command: those of a worker."""

    kafka: KafkaConfig
    consumer: WorkerSettings


def read_config(read: EnvironmentReader) -> StoppedPartitionsConfig:
    """Read the environment; *read* collects the problems."""
    return StoppedPartitionsConfig(kafka=read(KafkaConfig), consumer=read(WorkerSettings))


async def run(arguments: argparse.Namespace, config: StoppedPartitionsConfig) -> None:
    """Run the command that *arguments* name. Raises PipelineError."""
    topic = config.kafka.topic
    async with _open_consumer(config) as consumer:
        stopped = await _find_stopped(consumer, config)
        for number, found in stopped.items():
            print(f"{topic}/{number}: {found.reason}")
        lost = sum(found.lost for found in stopped.values())
        print(f"{_count(len(stopped), 'stopped partition')}, up to {_count(lost, 'record')} lost")
        if arguments.command == "list":
            return
        chosen = stopped if arguments.all else _choose(stopped, arguments.partition)
        await accept_losses(consumer, topic, chosen)


def _choose(stopped: Mapping[int, Stopped], partitions: Sequence[int]) -> Mapping[int, Stopped]:
    if others := [number for number in partitions if number not in stopped]:
        raise PipelineError(f"partitions {others} are not stopped; nothing is accepted")
    return {number: stopped[number] for number in partitions}


async def accept_losses(
    consumer: AIOKafkaConsumer, topic: str, chosen: Mapping[int, Stopped]
) -> None:
    """Commit that the *chosen* partitions may start. Raises PipelineError."""
    for number, found in chosen.items():
        if not found.can_start:
            raise PipelineError(f"{topic}/{number} cannot be started: {found.reason}")
    accepted = {n: AcceptedLoss(found.start, found.committed) for n, found in chosen.items()}
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            consumer.assign([TopicPartition(topic, number) for number in accepted])
            await consumer.commit(
                {TopicPartition(topic, n): (x.start, x.metadata()) for n, x in accepted.items()}
            )
    except (KafkaError, TimeoutError) as error:
        # A commit without an answer may have been stored.
        raise BrokerUnavailableError(
            f"perhaps nothing is accepted, run this again: {type(error).__name__}"
        ) from error
    lost = sum(found.lost for found in chosen.values())
    print(f"accepted the loss of up to {_count(lost, 'record')}: workers start {sorted(chosen)}")


async def _find_stopped(
    consumer: AIOKafkaConsumer, config: StoppedPartitionsConfig
) -> dict[int, Stopped]:
    offsets = PartitionOffsets(consumer, config.kafka.topic, config.consumer.group, monotonic)
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            await consumer._client._wait_on_metadata(config.kafka.topic)  # noqa: SLF001 nothing public
            partitions = consumer.partitions_for_topic(config.kafka.topic)
            found = await offsets.find_starts(sorted(partitions))
    except (KafkaError, TimeoutError) as error:
        raise BrokerUnavailableError(f"no offsets: {type(error).__name__}: {error}") from error
    return dict(sorted(found.stopped.items()))


@asynccontextmanager
async def _open_consumer(config: StoppedPartitionsConfig) -> AsyncIterator[AIOKafkaConsumer]:
    await require_access(config.kafka, {config.kafka.topic: Right.READ})
    consumer = AIOKafkaConsumer(
        **client_arguments(config.kafka),
        group_id=group_of_accepted_losses(config.consumer.group),
        enable_auto_commit=False,
    )
    try:
        try:
            async with asyncio.timeout(_LIMIT_SECONDS):
                await consumer.start()
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(f"no Kafka: {type(error).__name__}") from error
        yield consumer
    finally:
        await consumer.stop()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exit with status 2 and the usage if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.stopped_partitions", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print them, the reasons, and the number of lost records")
    accept = commands.add_parser("accept", help="accept the loss: start them at the oldest record")
    accept.add_argument("partition", type=int, nargs="*", help="only these partitions")
    accept.add_argument("--all", action="store_true", help="every stopped partition")
    arguments = parser.parse_args(words)
    if arguments.command == "accept" and bool(arguments.partition) == arguments.all:
        accept.error("name the partitions, or --all")
    return arguments


if __name__ == "__main__":
    main("stopped-partitions", read_config, partial(run, parse_arguments(sys.argv[1:])))
