"""Say what is wrong with a node's answers, given what was asked and what is in its topic.

It reads requests and lines by Python's own ``json``, not by the code that it judges; whether a
text is a domain is the rule's to say, which has tests of its own.
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
from tests.tools.fuzz.answers import check_form

Tally = Counter[tuple[str, str, str | None, int | None]]
"""Events without a key are added up by domain and kind (the last part is None); with a key
each stands for itself, with its count."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was sent, and the body before it was framed and compressed."""

    method: str
    target: str
    sent: bytes
    body: bytes = b""
    key: str | None = None


def tally(events: Iterable[tuple[str, str, str | None, int]]) -> Tally:
    """Return *events* (domain, kind, key, count) in a form that compares."""
    counted: Tally = Counter()
    for domain, kind, key, count in events:
        if key is None:
            counted[domain, kind, None, None] += count
        else:
            counted[domain, kind, key, count] += 1
    return counted


def judge(requests: Sequence[Request], answers: Sequence[Answer], stored: Iterable[Event]) -> None:
    """Assert that every request is answered as it deserves and what is accepted is stored.

    Requests behind an answer that says it is the last are not answered, and not stored.
    """
    accepted: list[tuple[str, str, str | None, int]] = []
    assert len(answers) <= len(requests), "something was answered that was not asked"
    for number, (request, answer) in enumerate(zip(requests, answers, strict=False)):
        check_form(answer)
        accepted.extend(accepted_events(request, answer))
        if answer.closes:
            assert number == len(answers) - 1, "an answer came behind the last one"
    assert len(answers) == len(requests) or (answers and answers[-1].closes), "an answer is missing"
    found = tally((e.domain, e.kind, e.idempotency_key, e.count) for e in stored)
    assert found == tally(accepted), f"stored {found}, accepted {tally(accepted)}"


def accepted_events(request: Request, answer: Answer) -> list[tuple[str, str, str | None, int]]:
    """Return the events that *answer* says are stored."""
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
    assert answer.status == (503 if "failed" in claims else 202), answer
    return accepted_lines(request.body, claims)


def accepted_lines(
    body: bytes, claims: Mapping[str, Any]
) -> list[tuple[str, str, str | None, int]]:
    """Return the events of the lines of *body* that an answer says are accepted.

    Each line that is not blank is accepted, rejected or failed, and is named by its number.
    """
    lines = dict(enumerate(body.split(b"\n"), start=1))
    spoken = [number for number, line in lines.items() if line and not line.isspace()]
    rejected = [rejection["line"] for rejection in claims["rejected"]]
    failed = claims.get("failed", [])
    assert rejected == sorted(set(rejected)), claims
    assert failed == sorted(set(failed)), claims
    refused = {*rejected, *failed}
    assert len(refused) == len(rejected) + len(failed), "a line is both rejected and failed"
    assert refused <= set(spoken), "a line is named that says nothing"
    assert claims["accepted"] == len(spoken) - len(refused), "the lines do not add up"
    assert all(r["code"] and r["detail"] for r in claims["rejected"]), claims
    return [event_of(lines[number]) for number in spoken if number not in refused]


def event_of(line: bytes) -> tuple[str, str, str | None, int]:
    """Return what an accepted *line* says."""
    fields = json.loads(line)
    assert fields.keys() <= {"domain", "event", "count", "id"}, line
    assert fields["event"] in {"delivered", "bounced"}, line
    count = fields.get("count", 1)
    assert isinstance(count, int | float), line
    assert count == int(count), line
    assert 1 <= count <= 1_000_000, line
    return parse_domain(fields["domain"]), fields["event"], fields.get("id"), int(count)
