"""Parse the answers of a node and check that each has a form that this service uses."""

import json
from collections.abc import Sequence

from tests.clients.raw_client import Answer

MAX_DETAIL = 300
STATUSES = {202, 400, 404, 405, 408, 413, 415, 503}
"""503: the node is full, or Kafka refused lines. No other 5xx is allowed."""


def parse_answers(received: bytes, methods: Sequence[str] = ()) -> list[Answer]:
    """Return the answers in *received*, which must contain nothing else.

    An answer to a HEAD among *methods* has no body.
    """
    answers: list[Answer] = []
    while received:
        head, separator, received = received.partition(b"\r\n\r\n")
        assert separator, f"an incomplete answer: {head!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {n.lower(): v.strip() for n, v in (line.split(":", 1) for line in lines)}
        if first == "HTTP/1.1 100 Continue":
            continue
        version, status, reason = first.split(" ", 2)
        # The parser answers with HTTP/1.0, and before it has read the method.
        to_head = methods[len(answers) : len(answers) + 1] == ["HEAD"]
        has_body = not to_head or version == "HTTP/1.0"
        length = int(headers["content-length"]) if has_body else 0
        body, received = received[:length], received[length:]
        assert len(body) == length, f"an incomplete body: {first}"
        answers.append(Answer(version, int(status), reason, headers, body))
    return answers


def check_form(answer: Answer) -> None:
    """Assert that *answer* has a form that this service uses."""
    assert answer.status in STATUSES, answer
    if answer.status == 202:
        return
    assert ("allow" in answer.headers) == (answer.status == 405), answer
    assert ("retry-after" in answer.headers) == (answer.status == 503), answer
    assert answer.headers["content-type"] == "application/problem+json", answer
    if not answer.body:
        return  # the answer to a HEAD
    problem = json.loads(answer.body)
    assert problem["status"] == answer.status, answer
    assert problem["code"], answer
    assert problem["title"], answer
    details = [problem["detail"], *(r["detail"] for r in problem.get("rejected", ()))]
    for detail in details:
        assert 0 < len(detail) <= MAX_DETAIL, answer
        assert detail.isascii(), answer
        assert detail.isprintable(), answer
