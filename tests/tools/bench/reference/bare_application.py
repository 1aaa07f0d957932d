"""Answer at once with aiohttp's ``Application`` and its routes: ``python -m ... HOST PORT``."""

import asyncio
import sys

import uvloop
from aiohttp import web

from tests.tools.bench.reference.bare_aiohttp import BACKLOG, answer


async def serve(host: str, port: int) -> None:
    """Serve until killed."""
    application = web.Application()
    for kind in ("delivered", "bounced"):
        application.router.add_put(f"/events/{{domain}}/{kind}", answer)
    application.router.add_get("/domains/{domain}", answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
