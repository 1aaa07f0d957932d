"""Describe the bulk request."""

from collections.abc import Iterable

from ingest.bulk import MAX_BYTES
from ingest.handlers import MEDIA_TYPE
from ingest.messages import MAX_LINES, BulkAnswer, Line, PartialAnswer
from shared.http.bodies import NOT_GZIP
from shared.openapi.responses import (
    Json,
    Refusal,
    answered,
    body_refusals,
    code_schema,
    operation,
    refusal,
)
from shared.openapi.schemas import (
    DOMAIN_EXAMPLES,
    answer_schemas,
    explain,
    named,
    reference,
    request_schemas,
)
from shared.problems import Problem

_LINE_REFUSALS = [
    *map(refusal, DOMAIN_EXAMPLES),
    refusal(Problem.UNKNOWN_EVENT),
    refusal(Problem.INVALID_COUNT),
    refusal(Problem.INVALID_KEY),
    refusal(Problem.MALFORMED_JSON, part="line", form=""),
    refusal(Problem.INVALID_LINE),
]
_GOOD_LINES = (
    '{"domain": "example.com", "event": "delivered", "count": 1000}\n'
    '{"domain": "example.org", "event": "bounced", "id": "message-20392"}\n'
)
_BAD_LINES = {
    '{"domain": "ex_ample.com", "event": "delivered"}': (
        Problem.FORBIDDEN_CHARACTER,
        explain("ex_ample.com"),
    ),
    '{"domain": "example.com", "event": "opened"}': (Problem.UNKNOWN_EVENT, ""),
    '{"domain": "example.com", "event": "delivered", "count": 0}': (Problem.INVALID_COUNT, ""),
    '{"domain": "example.com", "event": "delivered", "id": "two words"}': (Problem.INVALID_KEY, ""),
    '{"domain": "example.com", "event": "delivered", "cuont": 5}': (
        Problem.INVALID_LINE,
        "Object contains unknown field `cuont`",
    ),
    "example.com delivered": (Problem.MALFORMED_JSON, ""),
}


def _some_bad() -> tuple[str, Json]:
    """Return a body of which only the first line is good, and its answer."""
    lines = ['{"domain": "example.com", "event": "delivered"}', *_BAD_LINES]
    sentences = {each.problem: each.detail for each in _LINE_REFUSALS}
    rejected = [
        {"line": number, "code": problem.code, "detail": detail or sentences[problem]}
        for number, (problem, detail) in enumerate(_BAD_LINES.values(), start=2)
    ]
    return "\n".join(lines) + "\n", {"accepted": 1, "rejected": rejected}


def bulk_schemas() -> Json:
    """Return the schemas of the lines and of the answer."""
    schemas: Json = {**request_schemas(Line), **answer_schemas(BulkAnswer)}
    schemas["Rejection"]["properties"]["code"] |= code_schema(_LINE_REFUSALS)
    return schemas


def _send(body: str, times: int = 1, **headers: str) -> Json:
    headers = {"Content-Type": MEDIA_TYPE} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return {"target": "/events", "headers": headers, "body": body, "times": times}


def post_events(body_seconds: float, not_stored: Iterable[Refusal]) -> Json:
    """Return the operation; *not_stored* are the refusals of events that Kafka did not take."""
    some_bad, some_rejected = _some_bad()
    malformed = _send("not gzip", Content_Encoding="gzip")
    too_large = _send(" ", MAX_BYTES + 1)
    post = operation(
        "traffic",
        "postEvents",
        "Many messages at once",
        {
            "202": answered(
                "Every good line is safe. It will be counted.",
                "application/json",
                reference(BulkAnswer),
                examples=named(
                    {"all_good": {"accepted": 2, "rejected": []}, "some_bad": some_rejected}
                ),
            )
        },
        [
            refusal(
                Problem.MALFORMED_BODY,
                malformed,
                detail=Problem.MALFORMED_BODY.explain(reason=NOT_GZIP),
            ),
            *body_refusals(MAX_BYTES, body_seconds, too_large),
            refusal(Problem.TOO_MANY_LINES, _send("\n", MAX_LINES + 1), max_lines=MAX_LINES),
            refusal(
                Problem.UNSUPPORTED_MEDIA_TYPE,
                _send("{}", Content_Type="application/json"),
                media_type=MEDIA_TYPE,
            ),
            refusal(Problem.UNSUPPORTED_ENCODING, _send("{}", Content_Encoding="br")),
            *not_stored,
        ],
        description="Report many events, one in each line. Good lines are accepted even if others"
        " are not: the answer lists those. The lines of one request may count at different times.",
        requestBody={
            "required": True,
            "description": f"At most {MAX_LINES:,} lines and {MAX_BYTES:,} bytes, as sent and once"
            " inflated: the body may be compressed, with `Content-Encoding: gzip`. A blank line"
            " counts as a line and reports nothing.",
            "content": {
                MEDIA_TYPE: {
                    "schema": {
                        "type": "string",
                        "maxLength": MAX_BYTES,
                        "contentMediaType": MEDIA_TYPE,
                        "contentSchema": {
                            "type": "array",
                            "maxItems": MAX_LINES,
                            "items": reference(Line),
                        },
                    },
                    "examples": named({"all_good": _GOOD_LINES, "some_bad": some_bad}),
                }
            },
        },
    )
    _add_partial_answer(post)
    return post


def _add_partial_answer(post: Json) -> None:
    """Add what became of the lines to the problems that report it."""
    content = post["responses"]["503"]["content"]["application/problem+json"]
    properties = answer_schemas(PartialAnswer)["PartialAnswer"]["properties"]
    content["schema"]["allOf"].append({"properties": properties})
    some_failed = {"accepted": 1, "rejected": [], "failed": [2]}
    content["examples"]["outcome_unknown"]["value"] |= some_failed
