"""Describe the bulk request."""

from collections.abc import Iterable

from msgspec import to_builtins

from ingest.bulk import MAX_BYTES, BulkRequest
from ingest.handlers import MEDIA_TYPE
from ingest.messages import MAX_LINES, BulkAnswer, Line, PartialAnswer
from shared.http.bodies import NOT_GZIP
from shared.http.problems import CONTENT_TYPE
from shared.openapi.requests import named, no_parameters, request_body
from shared.openapi.responses import (
    Json,
    Refusal,
    answered,
    body_refusals,
    code_schema,
    operation,
    refusal,
)
from shared.openapi.schemas import DOMAIN_EXAMPLES, answer_schemas, reference, request_schemas
from shared.problems import Problem

_LINE_REFUSALS = [
    *map(refusal, DOMAIN_EXAMPLES),
    refusal(Problem.UNKNOWN_EVENT),
    refusal(Problem.INVALID_COUNT),
    refusal(Problem.INVALID_KEY),
    refusal(Problem.MALFORMED_JSON, part="line", form=""),
    refusal(Problem.INVALID_LINE),
]
_ALL_GOOD = """\
{"domain": "example.com", "event": "delivered", "count": 1000}
{"domain": "example.org", "event": "bounced", "id": "message-20392"}
"""
_SOME_BAD = """\
{"domain": "example.com", "event": "delivered"}
{"domain": "ex_ample.com", "event": "delivered"}
{"domain": "example.com", "event": "opened"}
{"domain": "example.com", "event": "delivered", "count": 0}
{"domain": "example.com", "event": "delivered", "id": "two words"}
{"domain": "example.com", "event": "delivered", "cuont": 5}
example.com delivered
"""


def _answer(body: str) -> Json:
    bulk = BulkRequest()
    for _ in bulk.parse(body.encode()):
        pass
    rejected = sorted(bulk.rejected, key=lambda rejection: rejection.line)
    answer: Json = to_builtins(BulkAnswer(bulk.accepted, rejected))
    return answer


def bulk_schemas() -> Json:
    """Return the schemas of the lines and of the answer."""
    schemas: Json = {**request_schemas(Line), **answer_schemas(BulkAnswer)}
    schemas["Rejection"]["properties"]["code"] |= code_schema(_LINE_REFUSALS)
    return schemas


def _send(body: str, times: int = 1, media_type: str = MEDIA_TYPE, coding: str = "") -> Json:
    headers = {"Content-Type": media_type} | ({"Content-Encoding": coding} if coding else {})
    return {"target": "/events", "headers": headers, "body": body, "times": times}


def post_events(body_seconds: float, not_stored: Iterable[Refusal]) -> Json:
    """Return the operation; *not_stored* are the refusals of events that Kafka did not take."""
    not_gzip = _send("not gzip", coding="gzip")
    sentence = Problem.MALFORMED_BODY.explain(reason=NOT_GZIP)
    array = {"type": "array", "maxItems": MAX_LINES, "items": reference(Line)}
    post = operation(
        "traffic",
        "postEvents",
        "Many messages at once",
        {
            "202": answered(
                "Every good line is safe. It will be counted.",
                "application/json",
                reference(BulkAnswer),
                examples=named({"all_good": _answer(_ALL_GOOD), "some_bad": _answer(_SOME_BAD)}),
            )
        },
        [
            refusal(Problem.MALFORMED_BODY, not_gzip, detail=sentence),
            no_parameters("/events"),
            *body_refusals(MAX_BYTES, body_seconds, _send(" ", MAX_BYTES + 1)),
            refusal(Problem.TOO_MANY_LINES, _send("\n", MAX_LINES + 1), max_lines=MAX_LINES),
            refusal(
                Problem.UNSUPPORTED_MEDIA_TYPE,
                _send("{}", media_type="application/json"),
                media_type=MEDIA_TYPE,
            ),
            refusal(Problem.UNSUPPORTED_ENCODING, _send("{}", coding="br")),
            *not_stored,
        ],
        description="Report many events, one in each line. Good lines are accepted even if others"
        " are not: the answer lists those. The lines of one request may count at different times.",
        requestBody=request_body(
            f"At most {MAX_LINES:,} lines and {MAX_BYTES:,} bytes, as sent and once inflated: the"
            " body may be compressed, with `Content-Encoding: gzip`. A blank line counts as a line"
            " and reports nothing.",
            MEDIA_TYPE,
            {
                "type": "string",
                "maxLength": MAX_BYTES,
                "contentMediaType": MEDIA_TYPE,
                "contentSchema": array,
            },
            {"all_good": _ALL_GOOD, "some_bad": _SOME_BAD},
        ),
    )
    # Problems after some lines were stored list the lines, as the answer 202 does.
    content = post["responses"]["503"]["content"][CONTENT_TYPE]
    properties = answer_schemas(PartialAnswer)["PartialAnswer"]["properties"]
    content["schema"]["allOf"].append({"properties": properties})
    example = to_builtins(PartialAnswer(1, [], [2]))
    content["examples"]["outcome_unknown"]["value"] |= example
    return post
