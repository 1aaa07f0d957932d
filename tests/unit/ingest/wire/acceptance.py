"""Check that a node stored exactly the events that its answers accepted.

The check reads requests and lines with Python's ``json``, not with the code under test. It uses the
product's rule only for domain names, which has tests of its own.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from shared.model.domain import parse_domain
from shared.model.event import Event
from tests.clients.raw_client import Answer
from tests.unit.ingest.wire.answers import check_form

Tally = Counter[tuple[str, str, str | None, int | None]]
"""Sums events without a key by domain and kind (the last part is None). An event with a key
has an entry for itself, with its count."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request as sent, and its body before framing and compression."""

    method: str
    target: str
    sent: bytes
    body: bytes = b""
    key: str | None = None


def tally(events: Iterable[tuple[str, str, str | None, int]]) -> Tally:
    """Return *events* (domain, kind, key, count) in a form that can be compared."""
    counted: Tally = Counter()
    for domain, kind, key, count in events:
        if key is None:
            counted[domain, kind, None, None] += count
        else:
            counted[domain, kind, key, count] += 1
    return counted


def check_acceptance(
    requests: Sequence[Request], answers: Sequence[Answer], stored: Iterable[Event]
) -> None:
    """Assert that each request has its answer and that the accepted events are stored.

    Requests behind an answer that closes the connection get no answer and store nothing.
    """
    accepted: list[tuple[str, str, str | None, int]] = []
    assert len(answers) <= len(requests), "an answer without a request"
    for number, (request, answer) in enumerate(zip(requests, answers, strict=False)):
        check_form(answer)
        accepted.extend(accepted_events(request, answer))
        if answer.closes:
            assert number == len(answers) - 1, "an answer behind the last one"
    assert len(answers) == len(requests) or (answers and answers[-1].closes), "an answer is missing"
    found = tally((e.domain, e.kind, e.idempotency_key, e.count) for e in stored)
    assert found == tally(accepted), f"stored {found}, accepted {tally(accepted)}"


def accepted_events(request: Request, answer: Answer) -> list[tuple[str, str, str | None, int]]:
    """Return the events that *answer* accepts."""
    if request.method == "PUT":
        if answer.status != 202:
            return []
        assert answer.body == b"", answer
        _, events, domain, kind = request.target.partition("?")[0].split("/")
        assert events == "events", request
        assert kind in {"delivered", "bounced"}, request
        name = parse_domain(unquote(domain, errors="surrogateescape"))
        return [(name, kind, request.key, 1)]
    claims = json.loads(answer.body or b"{}")
    if "accepted" not in claims:
        assert answer.status != 202, answer
        return []
    assert request.method == "POST", request
    if claims["accepted"] == 0 and "failed" not in claims:
        assert answer.status == 400, answer
    else:
        assert answer.status == (503 if "failed" in claims else 202), answer
    return accepted_lines(request.body, claims)


def accepted_lines(
    body: bytes, claims: Mapping[str, Any]
) -> list[tuple[str, str, str | None, int]]:
    """Return the events of the lines of *body* that a bulk answer accepts.

    Each line that is not blank is either accepted, or rejected or failed by its number.
    """
    lines = dict(enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1))
    filled = [number for number, line in lines.items() if line and not line.isspace()]
    rejected = [rejection["line"] for rejection in claims["rejected"]]
    failed = claims.get("failed", [])
    assert rejected == sorted(set(rejected)), claims
    assert failed == sorted(set(failed)), claims
    refused = {*rejected, *failed}
    assert len(refused) == len(rejected) + len(failed), "a line is both rejected and failed"
    assert refused <= set(filled), "a blank line is rejected or failed"
    assert claims["accepted"] == len(filled) - len(refused), "the lines do not add up"
    assert all(r["code"] and r["detail"] for r in claims["rejected"]), claims
    return [event_of(lines[number]) for number in filled if number not in refused]


def event_of(line: bytes) -> tuple[str, str, str | None, int]:
    """Return the event in an accepted *line*."""
    fields = json.loads(line)
    assert fields.keys() <= {"domain", "event", "count", "id"}, line
    assert fields["event"] in {"delivered", "bounced"}, line
    count = fields.get("count", 1)
    assert isinstance(count, int | float), line
    assert count == int(count), line
    assert 1 <= count <= 1_000_000, line
    return parse_domain(fields["domain"]), fields["event"], fields.get("id"), int(count)
