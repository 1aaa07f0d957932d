"""Check the node in this container: ``python -m deploy.health [livez|readyz]``.

The container engine runs it every few seconds, so it imports the standard library only. It tries
the three management ports in turn; a container runs one node, so one of them answers.
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
"""The variable that sets each port, and its default."""
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


def main(words: Sequence[str]) -> int:
    """Return 0 if a node answers 200, else 1."""
    path = f"/{words[0] if words else 'livez'}"
    tls = bool(os.environ.get("TLS_CERTIFICATE_FILE"))
    problems = []
    for variable, port in PORTS.items():
        port = int(os.environ.get(variable) or port)  # noqa: PLW2901 the default
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
