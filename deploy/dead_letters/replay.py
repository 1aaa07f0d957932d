"""Send dead letters to the topic of events again, each of them once."""

import secrets
from collections.abc import Iterator, Sequence
from itertools import islice

from deploy.dead_letters.ledger import DeadLetter, Outcome, State, encode_mark, target_partition
from deploy.dead_letters.reader import LedgerReader
from shared.errors import BrokerUnavailableError, OutcomeUnknownError
from shared.kafka.topic import Topic
from shared.model.record import KeyValue

ROUND_SIZE = 100
"""Dead letters marked and sent together: a killed replay leaves at most this many in doubt."""


class Replay:
    """One run of the command. ``sent`` and ``in_doubt`` hold the outcome."""

    def __init__(self, reader: LedgerReader, events: Topic, marks: Topic) -> None:
        self._reader = reader
        self._events = events
        self._marks = marks
        self._name = secrets.token_hex(8)
        self.sent: list[DeadLetter] = []
        self.in_doubt: list[DeadLetter] = []

    async def send(self, selected: Sequence[DeadLetter]) -> None:
        """Send *selected* in rounds. Stops after a round that leaves a dead letter in doubt.

        Raises RetriableError if Kafka refuses: dead letters that were not sent are waiting again.
        """
        for part in _rounds(selected):
            await self._send_round(part)
            if self.in_doubt:
                return

    async def _send_round(self, part: Sequence[DeadLetter]) -> None:
        """Mark, read back whose mark came first, send, mark. A kill after the first step: doubt."""
        released = [
            encode_mark(letter, Outcome.NOT_SENT, letter.sender)
            for letter in part
            if letter.state is State.IN_DOUBT
        ]
        claims = [encode_mark(letter, Outcome.SENDING, self._name) for letter in part]
        await self._append_marks([*released, *claims])
        await self._reader.catch_up()
        failure: BrokerUnavailableError | None = None
        marks: list[KeyValue] = []
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
            marks.append(encode_mark(letter, outcome, self._name))
        await self._append_marks(marks)
        if failure is not None:
            raise failure

    async def _send(self, letter: DeadLetter) -> None:
        if letter.record is not None:
            partition = target_partition(letter, self._events.partitions)
            await self._events.append(partition, [letter.record])

    async def _append_marks(self, marks: Sequence[KeyValue]) -> None:
        if marks:
            await self._marks.append(0, marks)


def _rounds(letters: Sequence[DeadLetter]) -> Iterator[list[DeadLetter]]:
    rest = iter(letters)
    while part := list(islice(rest, ROUND_SIZE)):
        yield part
