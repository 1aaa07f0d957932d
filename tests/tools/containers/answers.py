"""Ask the published ports from outside, and wait for what the checks expect."""

import http.client
import json
import socket

from tests.tools.trial import wait

INGEST, QUERY = 8080, 8081
"""The ports that the file publishes for the first node of a tier."""
DOMAIN = "counted.example.com"


def ask(method: str, port: int, path: str, key: str = "", body: bytes = b"") -> tuple[int, str]:
    """Return status and body of the answer; 0 if there is none."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if body:
        headers["Content-Type"] = "application/x-ndjson"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as error:
        return 0, repr(error)
    finally:
        connection.close()


def wait_answer(port: int, key: str, **expected: object) -> None:
    """Wait until ``DOMAIN`` is answered with *expected*."""

    def is_answered() -> bool:
        status, body = ask("GET", port, f"/domains/{DOMAIN}", key)
        return status == http.client.OK and json.loads(body).items() >= expected.items()

    wait(is_answered, 60, f"{DOMAIN} has {expected} on port {port}")


def listens(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
