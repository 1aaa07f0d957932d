"""Carry a shipment to an ingest node and bring back what became of it."""

import aiohttp
from yarl import URL

from tests.load.answers import NO_ANSWER, NOT_SENT, TIMED_OUT, Reply, read_bulk, read_put
from tests.load.event import Event
from tests.load.http import NoAnswerError, NotSentError
from tests.load.schedule import Shipment, Way

_NDJSON = {"Content-Type": "application/x-ndjson"}


class IngestClient:
    """The routes of the ingest tier."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def send(self, node: str, shipment: Shipment) -> Reply:
        """Send *shipment* to *node*, once, and return the fate of its events."""
        try:
            match shipment.way:
                case Way.PUT:
                    return await self._put(node, shipment.events[0])
                case Way.BULK:
                    return await self._post(node, shipment.events)
        except NotSentError:
            return Reply(NOT_SENT)
        except TimeoutError:
            return Reply(TIMED_OUT)
        except (NoAnswerError, aiohttp.ClientError):
            return Reply(NO_ANSWER)

    async def _put(self, node: str, event: Event) -> Reply:
        # The names of every profile are letters, digits, hyphens and dots: nothing to quote.
        url = URL(f"{node}/events/{event.name}/{event.kind}", encoded=True)
        async with self._session.put(url, allow_redirects=False) as response:
            return read_put(response.status, await response.read())

    async def _post(self, node: str, events: tuple[Event, ...]) -> Reply:
        body = encode_lines(events)
        url = URL(f"{node}/events", encoded=True)
        async with self._session.post(
            url, data=body, headers=_NDJSON, allow_redirects=False
        ) as response:
            return read_bulk(response.status, await response.read(), len(events))


def encode_lines(events: tuple[Event, ...]) -> bytes:
    """Return the body of a bulk request: a JSON object per line."""
    return "".join(f'{{"domain":"{name}","event":"{kind}"}}\n' for _, name, kind in events).encode()
