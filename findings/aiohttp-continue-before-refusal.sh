#!/usr/bin/env bash
# aiohttp 3.14.5: an application asks for the body of a request before anything can refuse it.
#
# A client with a large body sends "Expect: 100-continue" and waits for the answer (RFC 9110, 10.1.1),
# so that a refusal costs it no upload.
#
# Expected: a request without a key, or for a path that does not exist, is answered 401 or 404.
# Happens:  "100 Continue" comes first, whatever a middleware or the router says: the body is sent for
#           nothing, and has to be read before the connection can be used again.
# What helps: an expect_handler that does nothing on each route, on a route for every other path too,
#           and a handler that sends "100 Continue" itself when it reads the body.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiohttp==3.14.5
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio

import aiohttp
from aiohttp import web


@web.middleware
async def require_key(request, handler):
    if "Authorization" not in request.headers and request.path == "/upload":
        return web.Response(status=401)
    return await handler(request)


async def upload(request):
    return web.Response(text=str(len(await request.read())))


async def first_line(port, target):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(10):
        line = await reader.readline()
    writer.close()
    return line.decode().strip()


async def main():
    app = web.Application(middlewares=[require_key])
    app.router.add_post("/upload", upload)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    print("aiohttp", aiohttp.__version__)
    found = {}
    for target, expected in (("/upload", "401"), ("/nothing", "404")):
        found[target] = await first_line(port, target)
        print(f"POST {target}: expected HTTP/1.1 {expected}, found {found[target]}")
    await runner.cleanup()
    assert set(found.values()) == {"HTTP/1.1 100 Continue"}, "refused at once: the finding is out of date"


asyncio.run(main())
PYTHON
# Seen:
#   aiohttp 3.14.5
#   POST /upload: expected HTTP/1.1 401, found HTTP/1.1 100 Continue
#   POST /nothing: expected HTTP/1.1 404, found HTTP/1.1 100 Continue
