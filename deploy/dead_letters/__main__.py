"""Look at dead letters and send them again: ``python -m deploy.dead_letters list|show|replay``.

A replay sends key and value to the topic of events exactly as they were, each letter once,
however often and by however many it is run: the topic of dead letters keeps the marks
(``letters.py`` beside this). What is not certain is said, never guessed: a replay that is killed
between *sending* and *sent*, or that Kafka did not answer, leaves its letters *in doubt*, at most
``ROUND`` of them. They are sent again by ``--in-doubt`` alone, which is your word that nothing
of them was counted.

Exit status 0: done; 1: it could not go on, or letters are in doubt; 2: the command line or the
environment is wrong.
"""

import argparse
import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import islice

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.dead_letters.letters import (
    Letter,
    Letters,
    Outcome,
    State,
    choose,
    encode_mark,
    partition_for,
    summary,
    whole,
)
from shared.config import EnvironmentReader, KafkaConfig
from shared.errors import BrokerUnavailableError, OutcomeUnknownError, PipelineError
from shared.kafka import topic as kafka
from shared.kafka.client import client_arguments
from shared.kafka.topic import Topic
from shared.model.record import KeyValue
from shared.runtime import lifecycle

ROUND = 100
"""Letters that are marked, sent and marked again together: so many a kill leaves in doubt."""
DEFAULT_LIMIT = 1_000
_READ_SECONDS = 60.0
_POLL_MS = 500


class LetterBook:
    """The topic of dead letters: read to its end, and marked."""

    def __init__(self, consumer: AIOKafkaConsumer, config: KafkaConfig) -> None:
        self._consumer = consumer
        self._at = TopicPartition(config.dead_letter_topic, 0)
        self.letters = Letters()

    async def catch_up(self) -> None:
        """Read all that is there by now. Raises BrokerUnavailableError."""
        try:
            async with asyncio.timeout(_READ_SECONDS):
                end = (await self._consumer.end_offsets([self._at]))[self._at]
                while await self._consumer.position(self._at) < end:
                    found = await self._consumer.getmany(self._at, timeout_ms=_POLL_MS)
                    for entry in found.get(self._at, []):
                        self.letters.add(entry.offset, entry.value)
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(
                f"{self._at.topic}: not readable: {type(error).__name__}: {error}"
            ) from error


@asynccontextmanager
async def open_book(config: KafkaConfig) -> AsyncIterator[LetterBook]:
    """Read the topic of dead letters from its beginning; nobody's offsets are touched."""
    consumer = AIOKafkaConsumer(
        **client_arguments(config),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    try:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                await consumer.start()
                partition = TopicPartition(config.dead_letter_topic, 0)
                consumer.assign([partition])
                await consumer.seek_to_beginning(partition)
        except (KafkaError, TimeoutError) as error:
            raise BrokerUnavailableError(
                f"no topic {config.dead_letter_topic!r} at {config.bootstrap_servers}: "
                f"{type(error).__name__}"
            ) from error
        book = LetterBook(consumer, config)
        await book.catch_up()
        yield book
    finally:
        await consumer.stop()


class Replay:
    """One run: it sends what is chosen and says what became of it."""

    def __init__(self, book: LetterBook, events: Topic, marks: Topic) -> None:
        self._book = book
        self._events = events
        self._marks = marks
        self._name = secrets.token_hex(8)
        self.sent: list[Letter] = []
        self.in_doubt: list[Letter] = []

    async def send(self, chosen: Sequence[Letter]) -> None:
        """Send *chosen* in rounds. Stops after a round of which something is not certain.

        Raises RetriableError where Kafka takes nothing: what was not sent waits again.
        """
        for part in _rounds(chosen):
            await self._round(part)
            if self.in_doubt:
                return

    async def _round(self, part: Sequence[Letter]) -> None:
        """1 mark, 2 see whose mark came first, 3 send, 4 mark. A kill after 1 leaves doubt."""
        freed = [
            encode_mark(letter, Outcome.NOT_SENT, letter.sender)
            for letter in part
            if letter.state is State.IN_DOUBT
        ]
        await self._mark([*freed, *(encode_mark(x, Outcome.SENDING, self._name) for x in part)])
        await self._book.catch_up()
        failure: BrokerUnavailableError | None = None
        done: list[KeyValue] = []
        for letter in part:
            if letter.state is not State.IN_DOUBT or letter.sender != self._name:
                continue  # another replay was first
            outcome = Outcome.NOT_SENT
            if failure is None:
                try:
                    await self._send(letter)
                except BrokerUnavailableError as error:
                    failure = error
                except OutcomeUnknownError:
                    self.in_doubt.append(letter)
                    continue
                else:
                    outcome = Outcome.SENT
                    self.sent.append(letter)
            done.append(encode_mark(letter, outcome, self._name))
        await self._mark(done)
        if failure is not None:
            raise failure

    async def _send(self, letter: Letter) -> None:
        if letter.record is not None:
            partition = partition_for(letter, self._events.partitions)
            await self._events.append(partition, [letter.record])

    async def _mark(self, marks: Sequence[KeyValue]) -> None:
        if marks:
            await self._marks.append(0, marks)


async def run(arguments: argparse.Namespace, config: KafkaConfig) -> None:
    """Do what the command line says. Raises PipelineError."""
    async with open_book(config) as book:
        match arguments.command:
            case "list":
                _list(book.letters, arguments.limit)
            case "show":
                letter = book.letters.at(arguments.at)
                if letter is None:
                    raise PipelineError(f"no letter stands at offset {arguments.at}")
                print(whole(letter))
            case _:
                await _replay(arguments, config, book)


def _list(letters: Letters, limit: int) -> None:
    shown = list(letters)
    for letter in shown[-limit:]:
        print(summary(letter))
    counts = ", ".join(f"{sum(x.state is s for x in shown)} {s}" for s in State)
    print(f"{len(shown)} letters: {counts}; {len(letters.strange)} records that are none")


async def _replay(arguments: argparse.Namespace, config: KafkaConfig, book: LetterBook) -> None:
    chosen = choose(
        book.letters,
        arguments.limit,
        only=frozenset(arguments.at),
        in_doubt=arguments.in_doubt,
        undecodable=arguments.undecodable,
    )
    if arguments.dry_run:
        for letter in chosen:
            print(summary(letter))
        print(f"would send {len(chosen)} letters to {config.topic}")
        return
    async with (
        kafka.open_topic(config, config.topic) as events,
        kafka.open_topic(config, config.dead_letter_topic) as marks,
    ):
        replay = Replay(book, events, marks)
        try:
            await replay.send(chosen)
        finally:
            print(f"sent {len(replay.sent)} of {len(chosen)} letters to {config.topic}")
    if replay.in_doubt:
        raise PipelineError(
            f"Kafka did not answer for {len(replay.in_doubt)} letters; they are in doubt and are "
            "sent again by --in-doubt alone"
        )


def _rounds(letters: Sequence[Letter]) -> Iterator[list[Letter]]:
    rest = iter(letters)
    while part := list(islice(rest, ROUND)):
        yield part


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def parse_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Return what *words* ask for; ends with status 2 and a usage where they ask for nothing."""
    parser = argparse.ArgumentParser(prog="python -m deploy.dead_letters", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="a line for each of the last letters")
    listing.add_argument("--limit", type=_positive, default=DEFAULT_LIMIT)
    show = commands.add_parser("show", help="all that is known of one")
    show.add_argument("at", type=int, help="its offset in the topic of dead letters")
    replay = commands.add_parser("replay", help="send letters again, the oldest first")
    replay.add_argument("at", type=int, nargs="*", help="only these, by their offset")
    replay.add_argument("--limit", type=_positive, default=DEFAULT_LIMIT)
    replay.add_argument("--dry-run", action="store_true", help="show them and send nothing")
    replay.add_argument("--in-doubt", action="store_true", help="also those in doubt")
    replay.add_argument(
        "--undecodable", action="store_true", help="also what this version can't decode either"
    )
    return parser.parse_args(words)


def read_config(read: EnvironmentReader) -> KafkaConfig:
    """Read the environment; problems are kept by *read*."""
    return read(KafkaConfig)


if __name__ == "__main__":
    lifecycle.main("dead-letters", read_config, partial(run, parse_arguments(sys.argv[1:])))
