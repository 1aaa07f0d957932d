"""Sending on schedule and keeping count."""

import json

import aiohttp
import pytest
from aiohttp import BaseConnector
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection

from tests.load.answers import ACCEPTED, NO_ANSWER, NOT_SENT, Fate, Reply
from tests.load.event import Event, Kind, Outcome
from tests.load.http import open_session
from tests.load.ingest_client import IngestClient, encode_lines
from tests.load.ledger import Bounds, Ledger
from tests.load.schedule import Shipment, Way
from tests.load.sender import Sender, Tally

EVENTS = tuple(Event(number, f"D{number}.com", Kind.DELIVERED) for number in range(4))
PUTS = [Shipment(0.0, Way.PUT, (event,)) for event in EVENTS]
BULK = Shipment(0.0, Way.BULK, EVENTS)


class FakeClient:
    """Answers every shipment with the same reply."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self.sent: list[tuple[str, Shipment]] = []

    async def send(self, node: str, shipment: Shipment) -> Reply:
        """Take *shipment*."""
        self.sent.append((node, shipment))
        return self._reply


async def test_everything_is_sent_once_and_entered() -> None:
    """The connections share one schedule."""
    client, ledger, tally = FakeClient(Reply(ACCEPTED)), Ledger(), Tally()
    await Sender(client, ledger, tally).run(iter(PUTS), ("a", "b"), connections=3)
    assert [shipment for _, shipment in client.sent] == PUTS
    assert tally.outcomes == {Outcome.ACCEPTED: 4}
    assert tally.last_accepted is not None
    assert tally.latencies[Way.PUT].read().requests == 4
    assert all(ledger.expected(n).delivered == Bounds(1, 1) for n in range(4))


async def test_each_line_of_a_bulk_request_is_entered_for_itself() -> None:
    """Some lines may be accepted, others refused or unanswered."""
    lines = {2: Fate(Outcome.REFUSED, "invalid_line"), 4: Fate(Outcome.UNANSWERED, "unknown")}
    ledger, tally = Ledger(), Tally()
    await Sender(FakeClient(Reply(ACCEPTED, lines)), ledger, tally).run(iter([BULK]), ("a",), 1)
    assert [ledger.expected(n).delivered for n in range(4)] == [(1, 1), (0, 0), (1, 1), (0, 1)]
    assert tally.reasons[Outcome.REFUSED] == {"invalid_line": 1}
    assert tally.reasons[Outcome.UNANSWERED] == {"unknown": 1}


async def test_latency_counts_from_the_scheduled_time() -> None:
    """A request that leaves late is as slow as its sender had to wait."""
    tally = Tally()
    late = Shipment(-3.0, Way.PUT, EVENTS[:1])
    await Sender(FakeClient(Reply(ACCEPTED)), Ledger(), tally).run(iter([late]), ("a",), 1)
    assert tally.latencies[Way.PUT].read().p50_ms >= 3_000
    assert tally.start_lag.read().p50_ms >= 3_000


async def test_breaches_are_kept() -> None:
    """The report shows answers that depart from the contract."""
    tally = Tally()
    reply = Reply(NO_ANSWER, breach="status 200")
    await Sender(FakeClient(reply), Ledger(), tally).run(iter(PUTS[:1]), ("a",), 1)
    assert tally.breaches == ["put: status 200"]
    assert tally.last_accepted is None


class BrokenConnector(BaseConnector):
    """A network on which every request fails in one way."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error
        self.tries = 0

    async def connect(self, *_: object, **__: object) -> Connection:
        """Fail."""
        self.tries += 1
        raise self._error


def refused() -> aiohttp.ClientConnectorError:
    """Return the error of a port on which nobody listens."""
    key = ConnectionKey("a", 80, False, True, None, None, None)  # noqa: FBT003 aiohttp's own
    return aiohttp.ClientConnectorError(key, ConnectionRefusedError(111, "refused"))


@pytest.mark.parametrize("shipment", [PUTS[0], BULK], ids=["put", "bulk"])
@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (aiohttp.ServerDisconnectedError(), NO_ANSWER),
        (aiohttp.ClientOSError(104, "reset"), NO_ANSWER),
        (aiohttp.ClientPayloadError(), NO_ANSWER),
        (aiohttp.ConnectionTimeoutError(), NOT_SENT),
        (refused(), NOT_SENT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_a_request_that_fails_is_never_sent_again(
    shipment: Shipment, error: Exception, fate: Fate
) -> None:
    """A PUT that aiohttp sends twice by itself counts twice: see ``send_once``."""
    connector = BrokenConnector(error)
    async with open_session(1.0, connector) as session:
        assert await IngestClient(session).send("http://a", shipment) == Reply(fate)
    assert connector.tries == 1


def test_lines_are_json_objects_as_the_api_wants_them() -> None:
    """A line names its domain and its event."""
    lines = encode_lines(EVENTS[:2]).splitlines()
    assert [json.loads(line) for line in lines] == [
        {"domain": "D0.com", "event": "delivered"},
        {"domain": "D1.com", "event": "delivered"},
    ]
