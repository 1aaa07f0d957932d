#!/usr/bin/env bash
# aiohttp 3.14.5 on uvloop 0.23.0: a graceful shutdown resets clients whose connection is established.
#
# AppRunner.cleanup stops listening, and then waits for open connections ("graceful shutdown"). A client
# whose connect() succeeded a moment before has sent its request, and waits in the kernel's backlog.
#
# Expected: the request is answered, or the connection was refused at connect().
# Happens:  closing the listener resets it, after connect() and send() had succeeded, so the client can't
#           know whether its request was executed. It needs no busy machine on uvloop, which accepts
#           one connection in each turn of its loop (asyncio accepts all): of twenty that connect at once,
#           as many are answered as turns follow before the listener is closed.
# What helps: before the listener closes, let the loop turn until no further connection was accepted.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check aiohttp==3.14.5 uvloop==0.23.0
"$folder/venv/bin/python" - <<'PYTHON'
import asyncio
import socket

import aiohttp
import uvloop
from aiohttp import web

CLIENTS, TURNS = 20, 6


async def answer(_):
    return web.Response(text="ok")


async def answered(turns):
    """Return how many of the clients are answered if the loop turns *turns* times before cleanup."""
    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = runner.addresses[0]
    clients = [socket.create_connection(address, timeout=5.0) for _ in range(CLIENTS)]
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    for _ in range(turns):
        await asyncio.sleep(0)
    await runner.cleanup()
    count = 0
    for client in clients:
        try:
            count += client.recv(4096).startswith(b"HTTP/1.1 200")
        except ConnectionResetError:
            pass
        client.close()
    return count


print("aiohttp", aiohttp.__version__, "uvloop", uvloop.__version__)
for name, loop, turns, expected in (
    ("uvloop, at once", uvloop.new_event_loop, 0, range(1)),
    (f"uvloop, after {TURNS} turns", uvloop.new_event_loop, TURNS, range(1, TURNS + 2)),
    (f"uvloop, after {5 * CLIENTS} turns", uvloop.new_event_loop, 5 * CLIENTS, [CLIENTS]),
    ("asyncio, at once", asyncio.new_event_loop, 0, range(1)),
    (f"asyncio, after {TURNS} turns", asyncio.new_event_loop, TURNS, [CLIENTS]),
):
    with asyncio.Runner(loop_factory=loop) as runner:
        count = runner.run(answered(turns))
    print(f"{name}: {count} of {CLIENTS} answered")
    assert count in expected, "the finding is out of date"
PYTHON
# Seen:
#   aiohttp 3.14.5 uvloop 0.23.0
#   uvloop, at once: 0 of 20 answered
#   uvloop, after 6 turns: 6 of 20 answered
#   uvloop, after 100 turns: 20 of 20 answered
#   asyncio, at once: 0 of 20 answered
#   asyncio, after 6 turns: 20 of 20 answered
