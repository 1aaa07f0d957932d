"""The fixed bytes of the requests to one node."""

from typing import NamedTuple
from urllib.parse import urlsplit

from tests.tools.load.client.key import authorization


class Node(NamedTuple):
    """The address of a node, and the bytes around each request to it."""

    host: str
    port: int
    after_path: bytes
    """The bytes after the path of a PUT."""
    before_length: bytes
    """The bytes before the length of a bulk request's body."""

    def put(self, path: bytes) -> bytes:
        """Return a PUT; *path* is a domain and a kind."""
        return b"PUT /events/" + path + self.after_path

    def post(self, lines: bytes) -> bytes:
        """Return a bulk request."""
        return b"%b%d\r\n\r\n%b" % (self.before_length, len(lines), lines)


def node_at(url: str) -> Node:
    """Return the node at *url*; raises ValueError if it is not a plain HTTP address."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError(f"{url} is not of the form http://host:port.")
    lines = {"Host": parts.netloc, **authorization()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode("ascii")
    return Node(
        parts.hostname,
        parts.port or 80,
        b" HTTP/1.1\r\n%bContent-Length: 0\r\n\r\n" % head,
        b"POST /events HTTP/1.1\r\n%bContent-Type: application/x-ndjson\r\nContent-Length: " % head,
    )
