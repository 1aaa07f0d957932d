"""Records of KumoMTA's log, in recorded shape with other names and addresses."""

import json
from typing import Any

import pytest

from client.logs.kumomta import parse_line
from tests.unit.client.logs.reading import Said, read

PEER = {"name": "mx.b.example.", "addr": "104.16.1.1"}


def record(kind: str, response: dict[str, Any] | None = None, **fields: Any) -> str:
    """Return the line of a record."""
    return json.dumps(
        {
            "type": kind,
            "id": "d7ef132b5d7711eea8c8000c29c33806",
            "sender": "news@a.example",
            "recipient": "u@b.example",
            "queue": "news@b.example",
            "site": "ip-1->mx.b.example.@smtp_client",
            "size": 1047,
            "response": response or {"code": 250, "content": "OK", "enhanced_code": None},
            "peer_address": PEER,
            "timestamp": 1764378123,
            "num_attempts": 0,
            "bounce_classification": "Uncategorized",
            **fields,
        }
    )


def refused(code: int, status: str, content: str) -> dict[str, Any]:
    """Return a response."""
    numbers = [int(number) for number in status.split(".")] if status else []
    enhanced = dict(zip(("class", "subject", "detail"), numbers, strict=False)) or None
    return {"code": code, "content": content, "enhanced_code": enhanced, "command": "RCPT TO"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (record("Delivery"), [("b.example", "delivered")]),
        (
            record("Delivery", recipient=["u@b.example", "v@b.example"]),
            [("b.example", "delivered"), ("b.example", "delivered")],
        ),
        (record("Bounce", refused(550, "5.1.1", "User unknown")), [("b.example", "bounced")]),
        (record("Bounce", refused(550, "", "No such user here")), [("b.example", "bounced")]),
        (
            record("Bounce", refused(550, "", "Requested action not taken")),
            ["bounce that proves nothing: no status"],
        ),
        (
            record("Bounce", refused(554, "5.7.1", "User unknown")),
            ["bounce that proves nothing: 5.7.1"],
        ),
        (
            record("Bounce", refused(550, "5.1.1", "User unknown"), peer_address=None),
            ["refused by the sending system itself"],
        ),
        (
            record("Delivery", peer_address={"name": "filter", "addr": "127.0.0.1"}),
            ["handed to a system inside"],
        ),
        (record("TransientFailure", refused(451, "4.7.1", "Greylisted")), ["deferred"]),
        (record("Expiration", refused(551, "5.4.7", "Next delivery time")), ["expired"]),
        (record("AdminBounce"), ["refused by the sending system itself"]),
        (record("OOB", refused(550, "5.1.1", "User unknown")), ["no delivery attempt"]),
        (record("Reception", peer_address=None), ["no delivery attempt"]),
        (record("Delivery")[:-9], ["unreadable"]),
        (record("Delivery", recipient=7), ["unreadable"]),
        ("[]", ["unreadable"]),
    ],
)
def test_a_record_counts_only_if_another_system_said_so(line: str, said: Said) -> None:
    """Of bounces only those that prove that an address does not exist."""
    assert read(parse_line, line) == said
