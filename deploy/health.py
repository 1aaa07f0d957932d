"""Ask the node in this container how it is: ``python -m deploy.health [livez|readyz]``.

The container's own health check, on the standard library alone: it is started every few seconds.
Of the three management ports the one that listens is the node's.
"""

import http.client
import os
import ssl
import sys
from collections.abc import Sequence

PORTS = {
    "INGEST_MANAGEMENT_PORT": 9080,
    "QUERY_MANAGEMENT_PORT": 9081,
    "CONSUMER_MANAGEMENT_PORT": 9082,
}
"""The variable that sets each, and what it is without."""
_SECONDS = 3.0
_HOST = "localhost"


def _context() -> ssl.SSLContext:
    # The node's certificate names its service, not this loopback, over which nobody else answers.
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def status(port: int, path: str, *, tls: bool) -> int:
    """Return the status with which the management port *port* answers. Raises OSError."""
    connection = (
        http.client.HTTPSConnection(_HOST, port, timeout=_SECONDS, context=_context())
        if tls
        else http.client.HTTPConnection(_HOST, port, timeout=_SECONDS)
    )
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP: {error!r}") from error
    finally:
        connection.close()


def main(words: Sequence[str]) -> int:
    """Return 0 if a node answers 200."""
    path = f"/{words[0] if words else 'livez'}"
    tls = bool(os.environ.get("TLS_CERTIFICATE_FILE"))
    problems = []
    for variable, port in PORTS.items():
        port = int(os.environ.get(variable) or port)  # noqa: PLW2901 what it is by itself
        try:
            found = status(port, path, tls=tls)
        except OSError as error:
            problems.append(f"{port}: {error}")
            continue
        print(f"{port}{path}: {found}")
        return int(found != http.client.OK)
    print("; ".join(problems))
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
