"""After the last fault: wait until the system has settled, then compare, then store the rows."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import TypeVar

from shared.cassandra.session import open_session
from shared.config import CassandraConfig
from shared.errors import StoreUnavailableError
from shared.model.partitioning import bucket_of
from tests.tools.chaos.history import Answer, Final, Rows, Settled, StoredRow
from tests.tools.chaos.options import BUCKETS, Tier
from tests.tools.chaos.recorder import Recorder
from tests.tools.chaos.system import KEYSPACE, System
from tests.tools.chaos.traffic.expected import Expected
from tests.tools.chaos.traffic.mix import Draft, Parcel
from tests.tools.chaos.traffic.pulse import Poller
from tests.tools.chaos.traffic.reader import QueryClient
from tests.tools.chaos.traffic.traffic import Traffic
from tests.tools.load.streams.event import Kind, Outcome

LAG_SECONDS = 90.0
VISIBLE_SECONDS = 30.0
RIGHT_SECONDS = 60.0
_SETTLE_SECONDS = 2.0
"""When every count is right, wait this long and compare all again: a duplicate arrives late."""
_NAMES_A_QUESTION = 200
_CONTROLS = 20
_SAMPLED_ROWS = 30
_MOST_TRIES = 20
_WRONG_ROWS = 50
_ROWS = (
    "SELECT log, writer, delivered, bounced, applied_offset FROM {}.domain_counters"
    " WHERE bucket = ? AND domain = ?"
)

T = TypeVar("T")


class Ending:
    """The last part of a run."""

    def __init__(
        self,
        system: System,
        recorder: Recorder,
        expected: Expected,
        traffic: Traffic,
        pulse: Poller,
        questioner: QueryClient,
        seed: int,
    ) -> None:
        self._system = system
        self._recorder = recorder
        self._expected = expected
        self._traffic = traffic
        self._pulse = pulse
        self._questioner = questioner
        self._random = Random(f"ending {seed}")
        self._seed = seed

    async def settle(self, healed: float) -> None:
        """Record when the lag was 0, and how soon a new event was visible."""
        lag_zero = await self._wait_for_no_lag(healed)
        visible = await self._time_to_visible()
        self._recorder.write(
            Settled(t=self._recorder.now(), lag_zero_seconds=lag_zero, visible_seconds=visible)
        )
        self._recorder.report(f"lag 0 after {lag_zero} s, a new event visible after {visible} s")

    async def compare(self) -> list[str]:
        """Request every domain until it is right, then all again, and record those answers.

        Return the wrong domains.
        """
        pending = self._expected.domains
        deadline = self._recorder.now() + RIGHT_SECONDS
        while pending and self._recorder.now() < deadline:
            pending = self._not_right(pending, await self._read(pending))
            await asyncio.sleep(0.2 if not pending else 1.0)
        await asyncio.sleep(_SETTLE_SECONDS)
        controls = [f"never-{number}-{self._seed}.invalid.example" for number in range(_CONTROLS)]
        answers = await self._read([*self._expected.domains, *controls])
        node = self._system.nodes[Tier.QUERY][0].name
        for chunk in _chunks(answers, _NAMES_A_QUESTION):
            self._recorder.write(Final(t=self._recorder.now(), node=node, answers=list(chunk)))
        return self._not_right(self._expected.domains, answers)

    async def record_rows(self, wrong: Sequence[str]) -> None:
        """Record the rows of the wrong domains, and of some others."""
        domains = self._expected.domains
        sample = self._random.sample(domains, min(_SAMPLED_ROWS, len(domains)))
        config = CassandraConfig(
            contact_points=self._system.servers.contact_points, keyspace=KEYSPACE
        )
        try:
            async with open_session(config) as session:
                statement = await session.prepare(_ROWS.format(KEYSPACE))
                for domain in dict.fromkeys([*wrong[:_WRONG_ROWS], *sample]):
                    found = await session.read(statement.bind((bucket_of(domain, BUCKETS), domain)))
                    rows = [StoredRow(r[0], str(r[1]), *(v or 0 for v in r[2:])) for r in found]
                    self._recorder.write(Rows(t=self._recorder.now(), domain=domain, rows=rows))
        except StoreUnavailableError as error:
            self._recorder.report(f"no rows: {error}")

    async def _wait_for_no_lag(self, healed: float) -> float | None:
        """Return the seconds from *healed* until every record of every partition was read."""
        zeros = 0
        while self._recorder.now() < healed + LAG_SECONDS:
            pulse = await self._pulse.take()
            # Twice: a new owner reports 0 until it has read the end of the partition.
            zeros = zeros + 1 if pulse.lag == 0 else 0
            if zeros > 1:
                self._recorder.write(pulse)
                return round(pulse.t - healed, 3)
            await asyncio.sleep(0.3)
        return None

    async def _time_to_visible(self) -> float | None:
        """Send one event of a new domain and return how long after its 202 it was visible."""
        draft = Draft(f"settled-{self._seed:x}.example.com", Kind.BOUNCED)
        for _ in range(_MOST_TRIES):
            accepted = await self._traffic.send_one(Parcel((draft,), by_put=True))
            if accepted is Outcome.ACCEPTED:
                break
            await asyncio.sleep(1.0)
        else:
            return None
        began = self._recorder.now()
        node = self._system.nodes[Tier.QUERY][0]
        while self._recorder.now() < began + VISIBLE_SECONDS:
            read = await self._questioner.get(node, draft.domain)
            self._recorder.write(read)
            if read.answers and read.answers[0].bounced:
                return round(self._recorder.now() - began, 4)
            await asyncio.sleep(0.02)
        return None

    async def _read(self, domains: Sequence[str]) -> list[Answer]:
        """Return the answers for *domains*; those without an answer are missing."""
        node = self._system.nodes[Tier.QUERY][0]
        answers: list[Answer] = []
        for chunk in _chunks(domains, _NAMES_A_QUESTION):
            for _ in range(_MOST_TRIES):
                read = await self._questioner.post(node, list(chunk))
                if len(read.answers) == len(chunk):
                    break
                await asyncio.sleep(0.5)
            answers += read.answers
        return answers

    def _not_right(self, domains: Iterable[str], answers: Iterable[Answer]) -> list[str]:
        answered = {answer.domain: answer for answer in answers}
        return [
            domain
            for domain in domains
            if domain not in answered
            or not self._expected.is_right(
                domain, answered[domain].delivered, answered[domain].bounced
            )
        ]


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
