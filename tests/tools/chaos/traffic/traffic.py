"""Send events at a steady rate during the faults, and record the outcome of each."""

import asyncio
from random import Random

import aiohttp
import msgspec
from yarl import URL

from deploy.processes.node import Node
from tests.tools.chaos.faults.busiest import Busiest
from tests.tools.chaos.history import Request, SentEvent, Way
from tests.tools.chaos.recorder import Recorder
from tests.tools.chaos.system import traffic_url
from tests.tools.chaos.traffic.expected import Expected
from tests.tools.chaos.traffic.mix import Draft, Mix, Parcel, Repeats
from tests.tools.load.client.session import NoAnswerError, NotSentError
from tests.tools.load.sending.answers import (
    NO_ANSWER,
    NOT_SENT,
    TIMED_OUT,
    Reply,
    read_bulk,
    read_put,
)
from tests.tools.load.streams.event import Outcome

REQUEST_SECONDS = 10.0
"""Above the time within which an ingest node must answer."""
_MOST_IN_FLIGHT = 256
"""Per node: a frozen node must not consume the schedule."""
_AVOID_SECONDS = 0.5
"""After a connection was refused."""
_MOST_BEHIND_SECONDS = 0.5
"""Overdue events beyond this are dropped: sending them would make a busy machine busier."""
_TICK_SECONDS = 0.02
_MOST_BREACHES = 20
_NDJSON = {"Content-Type": "application/x-ndjson"}


class Traffic:
    """The senders of a run. ``run`` until cancelled, then ``finish``."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        nodes: list[Node],
        recorder: Recorder,
        expected: Expected,
        busiest: Busiest,
        seed: int,
    ) -> None:
        self._session = session
        self._nodes = nodes
        self._recorder = recorder
        self._expected = expected
        self._busiest = busiest
        self._random = Random(f"nodes {seed}")
        self._parcels = Mix(seed).parcels()
        self._in_flight = [0] * len(nodes)
        self._avoid_until = [0.0] * len(nodes)
        self._tasks: set[asyncio.Task[list[Outcome]]] = set()
        self.repeats = Repeats(seed)
        self.breaches: list[str] = []
        """Answers that violate the API."""

    async def run(self, rate: float) -> None:
        """Send *rate* events per second and the due repeats."""
        last, owed = self._recorder.now(), 0.0
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            now = self._recorder.now()
            owed = min(owed + (now - last) * rate, _MOST_BEHIND_SECONDS * rate)
            last = now
            for parcel in self.repeats.take_due(now):
                self._start(parcel)
            while owed > 0 and min(self._in_flight) < _MOST_IN_FLIGHT:
                parcel = next(self._parcels)
                owed -= len(parcel.drafts)
                self._start(parcel)

    async def finish(self) -> None:
        """Wait for the answers of requests in flight."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def send_one(self, parcel: Parcel) -> Outcome:
        """Send *parcel* in addition to the stream and return the outcome of its first event."""
        return (await self._send(self._choose(), parcel))[0]

    def _start(self, parcel: Parcel) -> None:
        task = asyncio.create_task(self._send(self._choose(), parcel))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _choose(self) -> int:
        """Return a random node, or another one if that is gone or has too many requests."""
        first = self._random.randrange(len(self._nodes))
        order = [*range(first, len(self._nodes)), *range(first)]
        now = self._recorder.now()
        return next(
            (
                number
                for number in order
                if self._in_flight[number] < _MOST_IN_FLIGHT and self._avoid_until[number] <= now
            ),
            first,
        )

    async def _send(self, number: int, parcel: Parcel) -> list[Outcome]:
        node = self._nodes[number]
        self._in_flight[number] += 1
        sent = self._recorder.now()
        try:
            status, reply = await self._deliver(traffic_url(node), parcel)
        finally:
            self._in_flight[number] -= 1
        now = self._recorder.now()
        if reply.fate == NOT_SENT:
            self._avoid_until[number] = now + _AVOID_SECONDS
        events = []
        for line, draft in enumerate(parcel.drafts, start=1):
            outcome = reply.lines.get(line, reply.fate).outcome
            events.append(SentEvent(draft.domain, draft.kind, draft.count, draft.key, outcome))
            self._expected.record(draft, outcome)
            self._busiest.add(draft.domain)
            self.repeats.record(draft, outcome, now)
        way: Way = "put" if parcel.by_put else "bulk"
        self._recorder.write(
            Request(t=now, sent=sent, way=way, node=node.name, status=status, events=events)
        )
        if status not in {None, 202, 503} or reply.breach:
            self._record_breach(f"{node.name}, {way}: {reply.breach or f'status {status}'}")
        return [event.outcome for event in events]

    async def _deliver(self, url: str, parcel: Parcel) -> tuple[int | None, Reply]:
        try:
            if parcel.by_put:
                return await self._put(url, parcel.drafts[0])
            return await self._post(url, parcel.drafts)
        except NotSentError:
            return None, Reply(NOT_SENT)
        except TimeoutError:
            return None, Reply(TIMED_OUT)
        except (NoAnswerError, aiohttp.ClientError):
            return None, Reply(NO_ANSWER)

    async def _put(self, url: str, draft: Draft) -> tuple[int, Reply]:
        target = URL(f"{url}/events/{draft.domain}/{draft.kind}", encoded=True)
        headers = {} if draft.key is None else {"Idempotency-Key": draft.key}
        async with self._session.put(target, headers=headers) as answer:
            return answer.status, read_put(answer.status, await answer.read())

    async def _post(self, url: str, drafts: tuple[Draft, ...]) -> tuple[int, Reply]:
        body = b"\n".join(msgspec.json.encode(_line(draft)) for draft in drafts)
        target = URL(f"{url}/events", encoded=True)
        async with self._session.post(target, data=body, headers=_NDJSON) as answer:
            return answer.status, read_bulk(answer.status, await answer.read(), len(drafts))

    def _record_breach(self, breach: str) -> None:
        if len(self.breaches) < _MOST_BREACHES:
            self.breaches.append(breach)
            self._recorder.report(f"an answer that violates the API: {breach}")


def _line(draft: Draft) -> dict[str, object]:
    line: dict[str, object] = {"domain": draft.domain, "event": draft.kind.value}
    if draft.count != 1:
        line["count"] = draft.count
    if draft.key is not None:
        line["id"] = draft.key
    return line
