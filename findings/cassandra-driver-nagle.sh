#!/usr/bin/env bash
# cassandra-driver 3.30.1: each request of more than 4 KiB waits 40 ms if the connection is otherwise idle.
#
# The driver writes a request to its socket in pieces of 4,096 bytes, and leaves Nagle's algorithm on: a
# small piece is sent once the pieces before it are acknowledged. A server that waits for the rest of the
# request has nothing to answer, so the kernel acknowledges after its delay (RFC 1122, 4.2.3.4 and 4.2.3.2).
#
# Expected: a request of 10 KB takes as long as one of 1 KB, as with the other drivers (TCP_NODELAY is on),
#           and as the driver's documentation has it: "not found generally beneficial for this driver".
# Happens:  40 ms more. On Cassandra 5.0.8: a counter batch of 256 rows took 55 ms, 12 ms with the option.
#           Two small requests at the same time are hit, too: two updates took 20.2 and 10.1 ms.
# What helps: Cluster(sockopts=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check cassandra-driver==3.30.1
"$folder/venv/bin/python" - "$(dirname "$0")/cql_server.py" <<'PYTHON'
import socket
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


def milliseconds(port, size, sockopts):
    """Return the median time of a request of *size* bytes, one after the other."""
    connection = Cluster.connection_class.factory(
        DefaultEndPoint("127.0.0.1", port), timeout=5, protocol_version=4, sockopts=sockopts
    )
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        connection.wait_for_response(QueryMessage("x" * size, ConsistencyLevel.ONE), timeout=5)
        took.append((time.perf_counter() - began) * 1000)
    connection.close()
    return statistics.median(took)


server = subprocess.Popen([sys.executable, sys.argv[1]], stdout=subprocess.PIPE, text=True)
try:
    Cluster.connection_class.initialize_reactor()
    port = int(server.stdout.readline())
    print("cassandra-driver", cassandra.__version__, "with", Cluster.connection_class.__name__)
    small = milliseconds(port, 1_000, None)
    large = milliseconds(port, 10_000, None)
    helped = milliseconds(port, 10_000, [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)])
finally:
    server.kill()
    server.wait()
print(f"1,000 bytes: less than 20 ms: {small < 20}")
print(f"10,000 bytes: 35 to 60 ms: {35 < large < 60}")
print(f"10,000 bytes with TCP_NODELAY: less than 20 ms: {helped < 20}")
assert small < 20 and 35 < large < 60 and helped < 20, f"out of date: {small}, {large}, {helped}"
PYTHON
# Seen:
#   cassandra-driver 3.30.1 with LibevConnection
#   1,000 bytes: less than 20 ms: True
#   10,000 bytes: 35 to 60 ms: True
#   10,000 bytes with TCP_NODELAY: less than 20 ms: True
