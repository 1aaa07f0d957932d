"""Check before the first event that there is a system and that it is ready for the run."""

from collections.abc import Sequence

import aiohttp
from yarl import URL

from tests.tools.load.client.node import node_at
from tests.tools.load.client.session import NoAnswerError, NotSentError
from tests.tools.load.verification.query_client import QueryClient, QueryError

_REMEDY = "Start the system with `make run` in another terminal."


class PreflightError(Exception):
    """The run can't start; the message states what to do."""


def check_urls(nodes: Sequence[str]) -> None:
    """Raise PreflightError unless every ingest node has a plain HTTP address."""
    for node in nodes:
        try:
            node_at(node)
        except ValueError as error:
            raise PreflightError(str(error)) from error


async def check_ingest(session: aiohttp.ClientSession, node: str) -> None:
    """Raise PreflightError unless an ingest node answers at *node*."""
    try:
        async with session.get(URL(f"{node}/events"), allow_redirects=False) as response:
            allowed = response.headers.get("Allow", "")
    except (NotSentError, NoAnswerError, aiohttp.ClientError, TimeoutError) as error:
        raise PreflightError(f"No ingest node answers at {node}. {_REMEDY}") from error
    if response.status != 405 or "POST" not in allowed:
        raise PreflightError(f"The server at {node} is not an ingest node. {_REMEDY}")


async def check_query(session: aiohttp.ClientSession, node: str, names: Sequence[str]) -> None:
    """Raise PreflightError unless a query node at *node* has no counts of *names* yet."""
    try:
        answers = await QueryClient(session, [node]).get(names)
    except QueryError as error:
        raise PreflightError(f"No query node answers ({error}). {_REMEDY}") from error
    for answer in answers:
        if isinstance(answer, str):
            raise PreflightError(f"The query node at {node} can't answer yet ({answer}).")
        if answer.delivered or answer.bounced:
            raise PreflightError(
                "This system has seen this seed before, so its counts can't become right: "
                "choose another --seed, or stop the system and run `make clean-data`."
            )
