"""How answers are read from a connection."""

import httptools
import pytest

from tests.tools.bench.client.answer import Answer, AnswerReader

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
OUTCOMES = b'{"accepted": 3, "rejected": []}'
BULK = b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%b" % (len(OUTCOMES), OUTCOMES)


@pytest.fixture
def reader() -> AnswerReader:
    """A reader that knows nothing yet."""
    return AnswerReader({})


def test_a_put_counts_one_event(reader: AnswerReader) -> None:
    """An answer without a body is for one event."""
    assert reader.feed(ACCEPTED) == Answer(202, 1, keep_alive=True)


def test_a_bulk_answer_counts_what_it_says_was_accepted(reader: AnswerReader) -> None:
    """The body's number is the number of events."""
    assert reader.feed(BULK) == Answer(202, 3, keep_alive=True)


def test_an_answer_in_pieces_is_read_when_it_is_whole(reader: AnswerReader) -> None:
    """Byte by byte it comes to the same, and the next answer is read anew."""
    *pieces, last = [BULK[i : i + 1] for i in range(len(BULK))]
    assert [reader.feed(piece) for piece in pieces] == [None] * len(pieces)
    assert reader.feed(last) == Answer(202, 3, keep_alive=True)
    assert reader.feed(ACCEPTED) == Answer(202, 1, keep_alive=True)


def test_the_end_of_an_answer_is_no_answer_that_is_known(reader: AnswerReader) -> None:
    """Bytes that equal a known answer are parsed where they continue another one."""
    reader.feed(ACCEPTED)
    head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: %d\r\n\r\n" % len(ACCEPTED)
    assert reader.feed(head) is None
    assert reader.feed(ACCEPTED) == Answer(503, 1, keep_alive=True)


def test_a_known_answer_is_not_parsed_again() -> None:
    """All connections share what one of them has parsed."""
    known: dict[bytes, Answer] = {}
    AnswerReader(known).feed(ACCEPTED)
    known[ACCEPTED] = Answer(299, 7, keep_alive=True)
    assert AnswerReader(known).feed(ACCEPTED) == Answer(299, 7, keep_alive=True)


def test_a_connection_that_ends_is_told(reader: AnswerReader) -> None:
    """``Connection: close`` is the end of the connection, not of the load."""
    closing = ACCEPTED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert reader.feed(closing) == Answer(202, 1, keep_alive=False)


def test_what_is_no_http_is_an_error(reader: AnswerReader) -> None:
    """Garbage is not taken for an answer."""
    with pytest.raises(httptools.HttpParserError):
        reader.feed(b"SSH-2.0-OpenSSH\r\n")
