"""Check the node in this container: ``python -m deploy.health [livez|readyz] [TIER]``.

The container engine runs it every few seconds, so it imports the standard library only. The tier is
that of the container's first process. It is not found by trying the ports: containers may share a
network, and another node would answer.
"""

import http.client
import os
import ssl
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

PORTS = {
    "ingest": ("INGEST_MANAGEMENT_PORT", 9080),
    "query": ("QUERY_MANAGEMENT_PORT", 9081),
    "consumer": ("CONSUMER_MANAGEMENT_PORT", 9082),
}
"""Of each tier: the variable that sets its port, and the default."""
_SECONDS = 3.0
_HOST = "localhost"


def _context() -> ssl.SSLContext:
    # The certificate names the service, not localhost. Nobody else can answer on this loopback.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def status(port: int, path: str, *, tls: bool) -> int:
    """Return the HTTP status that the management port *port* answers. Raises OSError."""
    connection = (
        http.client.HTTPSConnection(_HOST, port, timeout=_SECONDS, context=_context())
        if tls
        else http.client.HTTPConnection(_HOST, port, timeout=_SECONDS)
    )
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise OSError(f"the answer is not HTTP: {error!r}") from error
    finally:
        connection.close()


def tier_of(command: bytes) -> str:
    """Return the tier that *command*, as in /proc, runs, perhaps below an init; "" if none."""
    words = command.decode(errors="replace").split("\0")
    modules = (word for option, word in pairwise(words) if option == "-m")
    return next((module for module in modules if module in PORTS), "")


def main(words: Sequence[str]) -> int:
    """Return 0 if the node answers 200, else 1."""
    path, *named = words or ["livez"]
    tier = named[0] if named else tier_of(Path("/proc/1/cmdline").read_bytes())
    if tier not in PORTS:
        print(f"the first process is not a node; name the tier: {', '.join(PORTS)}")
        return 1
    variable, default = PORTS[tier]
    port = int(os.environ.get(variable) or default)
    try:
        found = status(port, f"/{path}", tls=bool(os.environ.get("TLS_CERTIFICATE_FILE")))
    except OSError as error:
        print(f"{tier}, {port}: {error}")
        return 1
    print(f"{tier}, {port}/{path}: {found}")
    return int(found != http.client.OK)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
