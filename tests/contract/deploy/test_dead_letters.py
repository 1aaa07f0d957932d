"""Replays of dead letters on a real Kafka."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import pytest
from aiokafka.errors import KafkaError

from consumer import partition
from consumer.kafka.dead_letters import MAX_KEPT_BYTES, encode_letter
from deploy.dead_letters import command
from deploy.dead_letters.command import parse_arguments
from deploy.dead_letters.ledger import State, select
from deploy.dead_letters.reader import LedgerReader, open_ledger
from deploy.dead_letters.replay import Replay
from shared.config import KafkaConfig
from shared.errors import (
    BrokerUnavailableError,
    OutcomeUnknownError,
    PipelineError,
    UndecodableRecordError,
)
from shared.kafka.producer import MAX_BATCH_BYTES
from shared.kafka.topic import Topic
from shared.model.event import Event, EventKind
from shared.model.partitioning import partition_of
from shared.model.record import KeyValue, decode_value, encode_event
from tests.contract.harness.pipeline import PARTITIONS, Pipeline
from tests.contract.harness.stores import Store, new_domain
from tests.contract.harness.topics import Topics
from tests.contract.harness.workers import open_worker, truth, until_counted
from tests.fakes.group_topic import StoredRecord
from tests.fakes.topic import InMemoryTopic
from tests.waiting import until_equal

GARBAGE = (b"\xff", b"\x00not a record")


@pytest.fixture
def replay(kafka_config: KafkaConfig) -> Callable[..., "asyncio.Future[None]"]:
    """Return a function that runs `replay` with the given words."""

    def run(*words: str) -> "asyncio.Future[None]":
        arguments = parse_arguments(["replay", *words])
        return asyncio.ensure_future(command.run(arguments, kafka_config))

    return run


@pytest.fixture
def pipeline(real_topics: Topics, real_store: Store) -> Pipeline:
    """A pipeline of the real topics and the real store."""
    return Pipeline(real_topics, real_store)


async def store_dead_letters(topics: Topics, *records: KeyValue) -> None:
    """Store *records* as dead letters, as a worker does."""
    name = f"{topics.name}/0"
    letters = [encode_letter(name, StoredRecord(n, *pair), "why") for n, pair in enumerate(records)]
    await topics.dead_letters.append(0, [(name.encode(), letter) for letter in letters])


async def stored(topics: Topics) -> list[object]:
    """Return all records of the topic of events."""
    return [pair for number in range(PARTITIONS) for pair in await topics.records(number)]


async def states(config: KafkaConfig) -> list[State]:
    """Return the state of each dead letter."""
    async with open_ledger(config) as reader:
        return [letter.state for letter in reader.ledger]


async def test_an_undecodable_event_is_counted_once_after_the_upgrade(
    pipeline: Pipeline,
    kafka_config: KafkaConfig,
    replay: Callable[..., "asyncio.Future[None]"],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An old version stores the event as a dead letter; after the upgrade a replay counts it.

    A second replay sends nothing. Records that the new version cannot decode either stay.
    """
    topics, store, domain = pipeline.topics, pipeline.store, new_domain()
    plain, new = Event(domain, EventKind.DELIVERED, 5), Event(domain, EventKind.BOUNCED, 2, "k-1")
    at = partition_of(domain, PARTITIONS)
    await topics.topic.append(at, [encode_event(plain), encode_event(new), GARBAGE])

    def decode_of_old(value: bytes | None) -> tuple[EventKind, int, str | None]:
        decoded = decode_value(value)
        if decoded[2] is not None:
            raise UndecodableRecordError("keys are not known yet")
        return decoded

    with monkeypatch.context() as old:
        old.setattr(partition, "decode_value", decode_of_old)
        async with open_worker(topics, store.store):
            await until_counted(store.reader, truth([plain]))

            async def letters() -> int:
                return len(await topics.letters())

            await until_equal(letters, 2)

    await replay("--dry-run")
    assert "would send 1 dead letter to" in capsys.readouterr().out
    assert len(await topics.records(at)) == 3

    await replay()
    await replay()
    async with open_worker(topics, store.store):
        await until_counted(store.reader, truth([plain, new]))

    assert "sent 1 of 1" in capsys.readouterr().out
    assert list(await topics.records(at))[3:] == [encode_event(new)]
    assert await states(kafka_config) == [State.SENT, State.WAITING]
    await command.run(parse_arguments(["list"]), kafka_config)
    await command.run(parse_arguments(["show", "1"]), kafka_config)
    printed = capsys.readouterr().out
    assert "2 dead letters: 1 waiting, 0 in doubt, 1 sent" in printed
    assert "not a record" in printed
    with pytest.raises(PipelineError, match="no dead letter at offset 99"):
        await command.run(parse_arguments(["show", "99"]), kafka_config)


async def test_two_simultaneous_replays_send_each_dead_letter_once(
    real_topics: Topics, kafka_config: KafkaConfig
) -> None:
    """The first mark in the topic counts, and each replay reads back whose mark that is."""
    records = [encode_event(Event(new_domain(), EventKind.DELIVERED, n)) for n in range(1, 31)]
    await store_dead_letters(real_topics, *records)

    async def one() -> int:
        async with open_ledger(kafka_config) as reader:
            selected = select(reader.ledger, 100)
            opened.append(len(selected))
            async with asyncio.timeout(10):
                while len(opened) < 2:
                    await asyncio.sleep(0)
            run = Replay(reader, real_topics.topic, marks)
            await run.send(selected)
            return len(run.sent)

    opened: list[int] = []
    marks = _OneAtATime(real_topics.dead_letters)
    sent = await asyncio.gather(one(), one())

    assert opened == [30, 30]
    assert sum(sent) == 30
    assert sorted(await stored(real_topics), key=str) == sorted(records, key=str)


async def test_refused_dead_letters_wait_and_unanswered_ones_are_in_doubt(
    real_topics: Topics, kafka_config: KafkaConfig, replay: Callable[..., "asyncio.Future[None]"]
) -> None:
    """A refused one is sent by the next replay; one in doubt only on request."""
    records = [encode_event(Event(new_domain(), EventKind.DELIVERED, n)) for n in range(1, 5)]
    await store_dead_letters(real_topics, *records)
    events = InMemoryTopic(PARTITIONS)

    async with open_ledger(kafka_config) as reader:
        events.fail(OutcomeUnknownError("late"), BrokerUnavailableError("away"))
        run = Replay(reader, events, real_topics.dead_letters)
        with pytest.raises(BrokerUnavailableError):
            await run.send(select(reader.ledger, 100))
    assert len(run.in_doubt) == 1
    assert await states(kafka_config) == [State.IN_DOUBT, *[State.WAITING] * 3]

    await replay("--limit", "2")
    assert await states(kafka_config) == [State.IN_DOUBT, State.SENT, State.SENT, State.WAITING]
    await replay()
    assert await states(kafka_config) == [State.IN_DOUBT, *[State.SENT] * 3]
    await replay("--in-doubt")
    assert await states(kafka_config) == [State.SENT] * 4
    assert sorted(await stored(real_topics), key=str) == sorted(records, key=str)


async def test_a_missing_answer_ends_the_command_with_an_error(
    real_topics: Topics, kafka_config: KafkaConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the option that sends dead letters in doubt."""
    await store_dead_letters(real_topics, encode_event(Event(new_domain(), EventKind.DELIVERED, 1)))
    monkeypatch.setattr(Replay, "_send", _no_answer)

    with pytest.raises(PipelineError, match="--in-doubt"):
        await command.run(parse_arguments(["replay"]), kafka_config)
    assert await states(kafka_config) == [State.IN_DOUBT]


async def test_an_undecodable_record_is_sent_to_its_old_partition_on_request(
    real_topics: Topics, kafka_config: KafkaConfig, replay: Callable[..., "asyncio.Future[None]"]
) -> None:
    """Newer workers than this command may be able to decode it."""
    await store_dead_letters(real_topics, GARBAGE)

    await replay()
    assert await stored(real_topics) == []
    await replay("--undecodable", "0")

    assert list(await real_topics.records(0)) == [GARBAGE]
    assert await states(kafka_config) == [State.SENT]


async def test_a_record_larger_than_a_batch_is_cut_and_never_sent(
    real_topics: Topics, kafka_config: KafkaConfig, replay: Callable[..., "asyncio.Future[None]"]
) -> None:
    """A topic may have larger records than a dead letter can hold; the partition continues."""
    await store_dead_letters(real_topics, (b"long.example.com", bytes(MAX_BATCH_BYTES)))
    async with open_ledger(kafka_config) as reader:
        (letter,) = reader.ledger
        assert letter.value == bytes(MAX_KEPT_BYTES)
        assert letter.cut
    await replay("--undecodable")
    assert await stored(real_topics) == []


async def test_an_unreachable_kafka_is_named(kafka_config: KafkaConfig) -> None:
    """The error has the address."""
    nowhere = kafka_config.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})

    with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1"):
        async with open_ledger(nowhere):
            pass


async def test_a_topic_that_cannot_be_read_is_named(kafka_config: KafkaConfig) -> None:
    """This holds also for a failure in the middle of reading."""

    class Broken:
        async def end_offsets(self, _: object) -> None:
            raise KafkaError("gone")

    with pytest.raises(
        BrokerUnavailableError, match=f"cannot read the topic {kafka_config.dead_letter_topic}"
    ):
        await LedgerReader(Broken(), kafka_config).catch_up()


async def _no_answer(*_: object) -> None:
    raise OutcomeUnknownError("late")


class _OneAtATime:
    """A topic that serialises appends: a partition accepts only one at a time."""

    def __init__(self, topic: Topic) -> None:
        self.partitions = topic.partitions
        self._topic = topic
        self._lock = asyncio.Lock()

    async def append(
        self,
        partition: int,
        records: Sequence[KeyValue],
        traceparents: Mapping[int, str] | None = None,
    ) -> None:
        async with self._lock:
            await self._topic.append(partition, records, traceparents)
