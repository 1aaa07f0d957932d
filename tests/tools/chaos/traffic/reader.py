"""Read domains during the whole run, and record the answers."""

import asyncio
from random import Random

import aiohttp
import msgspec
from yarl import URL

from deploy.processes.node import Node
from tests.tools.chaos.faults.busiest import Busiest
from tests.tools.chaos.history import Answer, Read
from tests.tools.chaos.recorder import Recorder
from tests.tools.chaos.system import traffic_url
from tests.tools.load.client.session import NoAnswerError, NotSentError

NAMES_A_QUESTION = 12
_RECENT = 80
"""Few enough that a domain is read repeatedly while it changes."""
_PAUSE_SECONDS = 0.3
_READERS = 2
_TIMEOUT = aiohttp.ClientTimeout(total=4.0)
_PATIENT = aiohttp.ClientTimeout(total=10.0)
_JSON = {"Content-Type": "application/json"}


class _Result(msgspec.Struct):
    """The answer about one domain; an error has no status."""

    domain: str
    status: str = ""
    delivered: int = 0
    bounced: int = 0


class _Results(msgspec.Struct):
    results: list[_Result]


_decode_one = msgspec.json.Decoder(_Result).decode
_decode_many = msgspec.json.Decoder(_Results).decode


class QueryClient:
    """Reads from the query tier by both of its routes."""

    def __init__(
        self, session: aiohttp.ClientSession, recorder: Recorder, *, patient: bool = False
    ) -> None:
        self._session = session
        self._recorder = recorder
        self._timeout = _PATIENT if patient else _TIMEOUT

    async def get(self, node: Node, domain: str) -> Read:
        """Read one domain."""
        return await self._request(node, "GET", f"domains/{domain}", None)

    async def post(self, node: Node, domains: list[str]) -> Read:
        """Read many domains; those with an error are left out."""
        return await self._request(node, "POST", "domains", domains)

    async def _request(self, node: Node, method: str, path: str, domains: list[str] | None) -> Read:
        sent = self._recorder.now()
        status: int | None = None
        results: list[_Result] = []
        body = None if domains is None else msgspec.json.encode({"domains": domains})
        headers = _JSON if body else {}
        url = URL(f"{traffic_url(node)}/{path}", encoded=True)
        try:
            async with self._session.request(
                method, url, data=body, headers=headers, timeout=self._timeout
            ) as answer:
                text = await answer.read()
                status = answer.status
                if status == 200:
                    results = _decode_many(text).results if body else [_decode_one(text)]
        except (NotSentError, NoAnswerError, aiohttp.ClientError, TimeoutError):
            status = None
        return Read(
            t=self._recorder.now(),
            sent=sent,
            node=node.name,
            status=status,
            answers=[
                Answer(r.domain, r.status, r.delivered, r.bounced) for r in results if r.status
            ],
        )


async def read_domains(
    questioner: QueryClient, nodes: list[Node], recorder: Recorder, busiest: Busiest, seed: int
) -> None:
    """Read recently sent domains with several readers in parallel, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        for number in range(_READERS):
            random = Random(f"reader {number} of {seed}")
            tasks.create_task(_read(questioner, nodes, recorder, busiest, random))


async def _read(
    questioner: QueryClient, nodes: list[Node], recorder: Recorder, busiest: Busiest, random: Random
) -> None:
    while True:
        await asyncio.sleep(_PAUSE_SECONDS)
        domains = busiest.recent()[:_RECENT]
        if not domains:
            continue
        node = random.choice(nodes)
        if random.random() < 0.5:
            read = await questioner.get(node, random.choice(domains))
        else:
            chosen = random.sample(domains, min(NAMES_A_QUESTION, len(domains)))
            read = await questioner.post(node, chosen)
        recorder.write(read)
