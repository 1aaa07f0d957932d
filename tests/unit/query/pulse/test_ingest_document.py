"""How a query node has the API document of the ingest tier."""

from dataclasses import dataclass, field

from aiohttp import web

from query.pulse.collector import PulseCollector
from query.pulse.ingest_document import IngestDocument
from query.pulse.route import PulseHandlers
from query.pulse.scrape import Scrape, Tier
from query.pulse.sources import PartitionOffsets, SourceError, TargetState
from shared.config import Address
from shared.http.application import build_application
from tests.fakes.requests import ask, json_of

WORKER, FIRST, SECOND = ("127.0.0.1", 9082), ("127.0.0.1", 9080), ("127.0.0.2", 9080)
PATH = "/docs/ingest.json"


@dataclass(slots=True)
class Fakes:
    """A worker and two ingest nodes, with documents that a test sets."""

    documents: dict[Address, bytes] = field(default_factory=dict)
    down: set[Address] = field(default_factory=set)
    reads: int = 0
    now: float = 100.0

    def app(self) -> web.Application:
        """Return the routes of a node that reads these."""
        collector = PulseCollector([WORKER, FIRST, SECOND], self, self, lambda: self.now)
        document = IngestDocument(collector, self, lambda: self.now)
        return build_application(PulseHandlers(collector, document, 10.0).routes())

    async def scrape(self, address: Address, name: str) -> TargetState:
        """See Targets."""
        if address in self.down:
            raise SourceError(f"{name} is down")
        return TargetState(
            ready=True, scrape=Scrape(Tier.WORKER if address == WORKER else Tier.INGEST)
        )

    async def read_document(self, address: Address, name: str) -> bytes:
        """See Targets."""
        self.reads += 1
        if address not in self.documents:
            raise SourceError(f"{name} has none")
        return self.documents[address]

    async def read_offsets(self) -> dict[int, PartitionOffsets]:
        """See EventTopic."""
        return {}


async def test_the_document_is_that_of_an_ingest_node() -> None:
    """Unchanged, from the first one that has it; it is read again after five minutes."""
    fakes = Fakes({WORKER: b'{"a": "worker"}', SECOND: b'{"openapi":"3.1.0"}'})
    app = fakes.app()
    response = await ask(app, "GET", PATH)
    assert (response.status, response.body) == (200, b'{"openapi":"3.1.0"}')
    assert (response.content_type, response.headers["Cache-Control"]) == (
        "application/json",
        "no-cache",
    )
    known = {"If-None-Match": response.headers["ETag"]}
    assert (await ask(app, "GET", PATH, headers=known)).status == 304
    assert fakes.reads == 2

    fakes.documents[FIRST] = b'{"openapi":"3.2.0"}'
    fakes.now += 299
    assert (await ask(app, "GET", PATH, headers=known)).status == 304
    fakes.now += 1
    assert json_of(await ask(app, "GET", PATH, headers=known)) == {"openapi": "3.2.0"}


async def test_a_node_without_an_ingest_node_refuses() -> None:
    """It tries again after some seconds, not at each request."""
    fakes = Fakes({FIRST: b"{}"}, down={FIRST, SECOND})
    app = fakes.app()
    for _ in range(2):
        response = await ask(app, "GET", PATH)
        assert (response.status, json_of(response)["code"]) == (503, "no_ingest_node")
    assert fakes.reads == 0
    fakes.down.clear()
    fakes.now += 4
    assert (await ask(app, "GET", PATH)).status == 503
    fakes.now += 1
    assert (await ask(app, "GET", PATH)).status == 200


async def test_an_old_document_is_better_than_none() -> None:
    """The ingest tier may be away for long."""
    fakes = Fakes({FIRST: b'{"openapi":"3.1.0"}'})
    app = fakes.app()
    await ask(app, "GET", PATH)
    fakes.down = {FIRST, SECOND}
    fakes.now += 10_000
    response = await ask(app, "GET", PATH)
    assert (response.status, response.body) == (200, b'{"openapi":"3.1.0"}')
