"""``catchall watch``: follow the changes of status."""

import json
import sys
from contextlib import aclosing

from client.client import CatchallClient
from client.commands.output import say, write_json


async def watch(client: CatchallClient, status: str | None, last_id: str) -> int:
    """Write a line for each change, until interrupted.

    Each has its ``id``: with that of the last line, a later run continues.
    """
    async with aclosing(client.watch(last_id)) as events:
        async for event in events:
            data = json.loads(event.data)
            match event.name:
                case "message" if status in {None, data["status"]}:
                    write_json({"id": event.last_id, **data})
                    sys.stdout.flush()
                case "resync":
                    say(f"changes were missed ({data['reason']}): look up again what matters")
                case "late":
                    say("changes may be late" if data["late"] else "changes are no longer late")
                case _:
                    pass
    return 0
