#!/usr/bin/env bash
# cassandra-driver 3.30.1 on Python 3.11: while an asyncio loop is busy in steps of 1 ms, the driver hardly sends or
# receives anything.
#
# The driver has a thread of its own that sends and receives. It needs the interpreter for that, and waits for it
# for sys.getswitchinterval(), 5 ms, before it demands it. After each step the loop looks for events, and gives the
# interpreter up meanwhile. That wakes the thread; but before it runs, the loop has the interpreter again, and the
# thread waits for 5 ms anew. So a loop whose steps are shorter than 5 ms hardly ever lets it in.
#
# Expected: a request takes some milliseconds more than with an idle loop.
# Happens:  mostly no answer within a second, as long as the loop is busy; 66 ms (median) where the thread was lucky.
#           On uvloop it is the same. Requests time out, or are late by the longest burst of work. A worker that was
#           busy for 60 % of the time needed 42 to 50 ms for a write of 220 rows, 37 to 38 ms with the interval below.
# What helps: an interval that is shorter than the steps, sys.setswitchinterval(0.0005); or a connection class of one's own
#             whose bytes the asyncio loop moves.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cassandra-driver==3.30.1
timeout 60 "$folder/venv/bin/python" - "$(dirname "$0")/cql_server.py" <<'PYTHON'
import asyncio
import statistics
import subprocess
import sys
import time

import cassandra
from cassandra import ConsistencyLevel
from cassandra.cluster import Cluster
from cassandra.connection import DefaultEndPoint
from cassandra.protocol import QueryMessage

ROUNDS = 20
LIMIT_SECONDS = 1.0


async def work():
    """Be busy in steps of 1 ms, and let the loop do what is ready after each."""
    while True:
        until = time.perf_counter() + 0.001
        while time.perf_counter() < until:
            pass
        await asyncio.sleep(0)


async def milliseconds(connection, *, busy):
    """Return the median time until the loop has an answer; LIMIT_SECONDS if it has none."""
    loop = asyncio.get_running_loop()
    beside = asyncio.create_task(work()) if busy else None
    took = []
    for _ in range(ROUNDS):
        answered = asyncio.Event()
        began = time.perf_counter()
        connection.send_msg(
            QueryMessage("x", ConsistencyLevel.ONE),
            connection.get_request_id(),
            lambda _, answered=answered: loop.call_soon_threadsafe(answered.set),
        )
        try:
            await asyncio.wait_for(answered.wait(), LIMIT_SECONDS)
        except asyncio.TimeoutError:
            pass
        took.append((time.perf_counter() - began) * 1000)
    if beside is not None:
        beside.cancel()
        await asyncio.sleep(0.5)
    return statistics.median(took)


server = subprocess.Popen([sys.executable, sys.argv[1]], stdout=subprocess.PIPE, text=True)
try:
    Cluster.connection_class.initialize_reactor()
    connection = Cluster.connection_class.factory(
        DefaultEndPoint("127.0.0.1", int(server.stdout.readline())), timeout=5, protocol_version=4
    )
    print("cassandra-driver", cassandra.__version__, "with", Cluster.connection_class.__name__)
    idle = asyncio.run(milliseconds(connection, busy=False))
    busy = asyncio.run(milliseconds(connection, busy=True))
    sys.setswitchinterval(0.0005)
    helped = asyncio.run(milliseconds(connection, busy=True))
    connection.close()
finally:
    server.kill()
    server.wait()
print(f"idle loop: less than 5 ms: {idle < 5}")
print(f"busy loop: more than 20 ms: {busy > 20}")
print(f"busy loop, switch interval of 0.5 ms: less than 20 ms: {helped < 20}")
assert idle < 5 and busy > 20 and helped < 20, f"out of date: {idle}, {busy}, {helped}"
PYTHON
# Seen:
#   cassandra-driver 3.30.1 with LibevConnection
#   idle loop: less than 5 ms: True
#   busy loop: more than 20 ms: True
#   busy loop, switch interval of 0.5 ms: less than 20 ms: True
