"""Request the status of many domains at once."""

from collections.abc import Sequence
from itertools import cycle

import aiohttp
import msgspec
from yarl import URL

from tests.tools.load.client.session import NoAnswerError, NotSentError
from tests.tools.load.verification.rule import Answer

_JSON = {"Content-Type": "application/json"}


class QueryError(Exception):
    """The query tier gave no usable answer; a retry may help."""


class _Error(msgspec.Struct):
    code: str


class _Result(msgspec.Struct):
    domain: str
    status: str = ""
    delivered: int = 0
    bounced: int = 0
    threshold: int = 0
    error: _Error | None = None


class _Results(msgspec.Struct):
    results: list[_Result]


_decode = msgspec.json.Decoder(_Results).decode


class QueryClient:
    """The bulk route of the query tier; the nodes take turns."""

    def __init__(self, session: aiohttp.ClientSession, nodes: Sequence[str]) -> None:
        self._session = session
        self._nodes = cycle(nodes)

    async def get(self, names: Sequence[str]) -> list[Answer | str]:
        """Return the answer for each name, in order, or the code of its error.

        Raises QueryError if the request as a whole failed.
        """
        node = next(self._nodes)
        try:
            body = await self._post(node, names)
            results = _decode(body).results
        except (NotSentError, NoAnswerError, aiohttp.ClientError) as error:
            raise QueryError(f"{node}: {error}") from error
        except TimeoutError as error:
            raise QueryError(f"{node}: no answer in time") from error
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise QueryError(f"{node}: {error}") from error
        if len(results) != len(names):
            raise QueryError(f"{node}: {len(results)} results for {len(names)} names")
        return [_read(result) for result in results]

    async def _post(self, node: str, names: Sequence[str]) -> bytes:
        async with self._session.post(
            URL(f"{node}/domains", encoded=True),
            data=msgspec.json.encode({"domains": names}),
            headers=_JSON,
        ) as response:
            body = await response.read()
            if response.status != 200:
                raise QueryError(f"{node}: status {response.status}")
            return body


def _read(result: _Result) -> Answer | str:
    if result.error is not None:
        return result.error.code
    return Answer(
        domain=result.domain,
        status=result.status,
        delivered=result.delivered,
        bounced=result.bounced,
        threshold=result.threshold,
    )
