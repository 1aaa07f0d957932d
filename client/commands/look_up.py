"""``catchall get``: look domains up."""

import sys
from collections.abc import Iterable
from contextlib import aclosing

from client.client import MAX_NAMES, CatchallClient
from client.commands.input import STANDARD_INPUT, read_parts
from client.commands.output import write_json


async def look_up(client: CatchallClient, names: list[str]) -> int:
    """Write the answer for each name, in order; return 1 if there is an error among them.

    The name ``-`` alone stands for the lines of standard input.
    """
    if names != [STANDARD_INPUT]:
        return await _look_up(client, names)
    status = 0
    async with aclosing(read_parts(iter, MAX_NAMES)) as parts:
        async for part in parts:
            status |= await _look_up(client, part)
    return status


async def _look_up(client: CatchallClient, names: Iterable[str]) -> int:
    status, wanted = 0, [name for name in map(str.strip, names) if name]
    for answer in await client.get_many(wanted):
        write_json(answer)
        status |= "error" in answer
    sys.stdout.flush()
    return status
