"""Make sure, before anything is sent, that there is a system and that it is fit for the run."""

from collections.abc import Sequence

import aiohttp
from yarl import URL

from tests.tools.load.client.node import node_at
from tests.tools.load.client.query_client import QueryClient, QueryError
from tests.tools.load.client.session import NoAnswerError, NotSentError

_REMEDY = "Start the system with `make run` in another terminal."


class PreflightError(Exception):
    """The run can't start; the sentence says what to do."""


def check_urls(nodes: Sequence[str]) -> None:
    """Raise PreflightError unless every ingest node can be spoken to by plain HTTP."""
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
        raise PreflightError(f"What answers at {node} is no ingest node. {_REMEDY}")


async def check_query(session: aiohttp.ClientSession, node: str, names: Sequence[str]) -> None:
    """Raise PreflightError unless a query node at *node* knows nothing of *names* yet."""
    try:
        answers = await QueryClient(session, [node]).ask(names)
    except QueryError as error:
        raise PreflightError(f"No query node can be asked ({error}). {_REMEDY}") from error
    for answer in answers:
        if isinstance(answer, str):
            raise PreflightError(f"The query node at {node} can't answer yet ({answer}).")
        if answer.delivered or answer.bounced:
            raise PreflightError(
                "This seed was sent to this system before, so its counts can't come right: "
                "choose another --seed, or stop the system and run `make clean-data`."
            )
