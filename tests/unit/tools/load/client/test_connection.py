"""Parsing answers on a connection."""

import asyncio
from unittest.mock import create_autospec

import pytest

from tests.tools.load.client.connection import Answer, Connection
from tests.tools.load.client.node import node_at

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
BODY = b'{"accepted": 3, "rejected": []}'
BULK = b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
NODE = node_at("http://127.0.0.1:1")


class Client:
    """An owner of connections that stores what they report."""

    def __init__(self) -> None:
        self.known_answers: dict[bytes, Answer] = {}
        self.answers: list[tuple[int, bytes, bool]] = []
        self.breaches: list[str] = []

    def connect(self) -> Connection[bytes]:
        """Return an open connection with a request in flight."""
        connection = Connection[bytes](NODE, self)
        connection.connection_made(create_autospec(asyncio.Transport, instance=True))
        return connection

    def opened(self, connection: Connection[bytes]) -> None:
        """Send a request."""
        connection.request = b"request"

    def answered(self, connection: Connection[bytes], answer: Answer) -> None:
        """Store the answer; send the next request."""
        self.answers.append((answer.status, answer.body, answer.reusable))
        connection.request = b"next request"

    def lost(self, connection: Connection[bytes]) -> None:
        """Fail: no connection ends in these tests."""
        raise AssertionError(connection)

    def breached(self, connection: Connection[bytes], how: str) -> None:  # noqa: ARG002 the owner's
        """Store the breach."""
        self.breaches.append(how)


def receive(*pieces: bytes) -> Client:
    """Return a client whose connection received *pieces*."""
    client = Client()
    connection = client.connect()
    for piece in pieces:
        connection.data_received(piece)
    return client


def test_an_answer_in_pieces_is_delivered_when_it_is_complete() -> None:
    """Byte by byte it is the same answer, and so is the next one."""
    pieces = [BULK[i : i + 1] for i in range(len(BULK))]
    assert receive(*pieces[:-1]).answers == []
    assert receive(*pieces, ACCEPTED).answers == [(202, BODY, True), (202, b"", True)]


def test_the_end_of_an_answer_is_not_taken_for_a_known_answer() -> None:
    """Bytes that equal a known answer belong to the body that they continue."""
    head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n\r\n" % len(ACCEPTED)
    client = receive(ACCEPTED, head, ACCEPTED)
    assert client.answers == [(202, b"", True), (503, ACCEPTED, True)]


def test_a_known_answer_is_not_parsed_again() -> None:
    """All connections of a client share the answers that one of them has parsed."""
    client = receive(ACCEPTED)
    client.known_answers[ACCEPTED] = Answer(299)
    client.connect().data_received(ACCEPTED)
    assert client.answers[-1][0] == 299


def test_connection_close_makes_a_connection_unusable() -> None:
    """The answer stands, and the connection is ended."""
    client = receive(ACCEPTED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert client.answers == [(202, b"", False)]


@pytest.mark.parametrize("garbage", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/9 what\r\n\r\n"])
def test_bytes_that_are_not_http_are_a_breach(garbage: bytes) -> None:
    """They are not an answer."""
    client = receive(garbage)
    assert client.answers == []
    assert "not HTTP" in client.breaches[0]
