"""Answer at once with aiohttp's low-level server: ``python -m ... HOST PORT``.

It answers a PUT with 202 and no body, a GET with a document of the size of our answers.
"""

import asyncio
import sys

import uvloop
from aiohttp import http_parser, web

BACKLOG = 4096
DOCUMENT = (
    b'{"domain":"stored-0.example.com","status":"catch-all","delivered":1204,"bounced":0,'
    b'"threshold":1000,"reason":"more_than_threshold_delivered"}'
)


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    """Answer after reading only the method."""
    if request.method == "GET":
        return web.Response(body=DOCUMENT, content_type="application/json")
    return web.Response(status=202)


async def serve(host: str, port: int) -> None:
    """Serve until killed."""
    if http_parser.HttpRequestParser is not http_parser.HttpRequestParserC:
        raise RuntimeError("aiohttp's C parser is missing")
    runner = web.ServerRunner(web.Server(answer, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
