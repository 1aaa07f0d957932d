"""Send on schedule, whatever the server does: an open loop."""

import asyncio
import math
from collections import Counter
from collections.abc import Iterator
from time import perf_counter
from typing import Protocol

from tests.load.answers import NOT_SENT, Reply
from tests.load.event import Outcome
from tests.load.latency import Stopwatch
from tests.load.ledger import Ledger
from tests.load.schedule import Shipment, Way

RECONNECT_SECONDS = 0.2
_MAX_BREACHES = 20


class Client(Protocol):
    """What carries a shipment to a node."""

    async def send(self, node: str, shipment: Shipment) -> Reply:
        """Send it once and return the fate of its events."""
        ...


class Tally:
    """What became of a run's events so far, and how long the answers took.

    ``latencies`` are those of requests of which an event was accepted, from the scheduled time.
    """

    def __init__(self) -> None:
        self.outcomes = Counter[Outcome]()
        self.reasons = {outcome: Counter[str]() for outcome in Outcome}
        self.latencies = {way: Stopwatch() for way in Way}
        self.start_lag = Stopwatch()
        """How late requests left; more than a few ms: no connection was free, or this process
        could not keep up."""
        self.breaches: list[str] = []
        self.last_accepted: float | None = None
        """When, by ``perf_counter``, an event was last accepted."""


class Sender:
    """A number of connections that serve one schedule.

    Each has one request in flight. Where all of them wait for the server the schedule runs on,
    and the latency of what is sent late is measured from when it was due.
    """

    def __init__(self, client: Client, ledger: Ledger, tally: Tally) -> None:
        self._client = client
        self._ledger = ledger
        self._tally = tally

    async def run(
        self, shipments: Iterator[Shipment], nodes: tuple[str, ...], connections: int
    ) -> float:
        """Send everything and return the seconds it took."""
        began = perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for index in range(connections):
                node = nodes[index % len(nodes)]
                tasks.create_task(self._serve(node, shipments, began))
        return perf_counter() - began

    async def _serve(self, node: str, shipments: Iterator[Shipment], began: float) -> None:
        """Send what is due next, over and over; all connections draw on one iterator."""
        for shipment in shipments:
            due = began + shipment.due_seconds
            await _sleep_until(due)
            self._tally.start_lag.record(perf_counter() - due)
            reply = await self._client.send(node, shipment)
            self._book(shipment, reply, due)
            if reply.fate == NOT_SENT:
                # A node that is gone must not eat the schedule: leave it to the others.
                await asyncio.sleep(RECONNECT_SECONDS)

    def _book(self, shipment: Shipment, reply: Reply, due: float) -> None:
        now = perf_counter()
        accepted = False
        for line, event in enumerate(shipment.events, start=1):
            outcome, code = reply.lines.get(line, reply.fate) if reply.lines else reply.fate
            self._ledger.record(event, outcome)
            self._tally.outcomes[outcome] += 1
            if outcome is Outcome.ACCEPTED:
                accepted = True
            else:
                self._tally.reasons[outcome][code] += 1
        if accepted:
            self._tally.latencies[shipment.way].record(now - due)
            self._tally.last_accepted = now
        if reply.breach and len(self._tally.breaches) < _MAX_BREACHES:
            self._tally.breaches.append(f"{shipment.way}: {reply.breach}")


async def _sleep_until(moment: float) -> None:
    # Not by the loop's clock, which uvloop reads once a turn. Its timers round to milliseconds,
    # so round up first, and look again: too early is not on schedule either.
    while (early := moment - perf_counter()) > 0:
        await asyncio.sleep(math.ceil(early * 1_000) / 1_000)
