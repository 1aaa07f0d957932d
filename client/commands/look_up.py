"""``catchall get``: look domains up."""

from collections.abc import Iterable, Iterator
from itertools import islice

from client.client import CatchallClient
from client.commands.output import write_json

_NAMES = 1_000


async def look_up(client: CatchallClient, names: Iterable[str]) -> int:
    """Write the answer for each name, in order; return 1 if there is an error among them."""
    status, some = 0, (name.strip() for name in names)
    wanted = (name for name in some if name)
    for part in _parts(wanted):
        for answer in await client.get_many(part):
            write_json(answer)
            status = status or int("error" in answer)
    return status


def _parts(names: Iterator[str]) -> Iterator[list[str]]:
    while part := list(islice(names, _NAMES)):
        yield part
