"""Describe the bulk request."""

from collections.abc import Iterable

from msgspec import to_builtins

from ingest.bulk import ARRAY_FORM, MAX_BYTES, BulkRequest, open_body
from ingest.handlers import ACCEPTED_TYPES, ARRAY_TYPE, MEDIA_TYPE, MEDIA_TYPES
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
    refusal(Problem.MALFORMED_JSON, part="line", form="object"),
    refusal(Problem.INVALID_LINE),
    refusal(Problem.DUPLICATE_FIELD),
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
{"domain": "example.com", "event": "delivered", "event": "bounced"}
example.com delivered
"""
_ALIASES = ", ".join(f"`{name}`" for name in MEDIA_TYPES if name not in {MEDIA_TYPE, ARRAY_TYPE})
_ALL_BAD = '{"domain": "example.com", "event": "opened"}\n'
_ARRAY = [{"domain": "example.com", "event": "delivered", "count": 1000}]


def _answer(body: str) -> Json:
    bulk = BulkRequest()
    for _ in bulk.parse(open_body(body.encode(), is_array=False)):
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
    not_an_array = _send("{}", media_type=ARRAY_TYPE)
    array = {"type": "array", "minItems": 1, "maxItems": MAX_LINES, "items": reference(Line)}
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
                    {
                        "all_good": _answer(_ALL_GOOD),
                        "some_bad": _answer(_SOME_BAD),
                        "an_array": {"accepted": 1, "rejected": []},
                    }
                ),
            )
        },
        [
            refusal(Problem.NO_EVENTS, _send(_ALL_BAD)),
            refusal(Problem.MALFORMED_JSON, not_an_array, part="body", form=ARRAY_FORM),
            refusal(Problem.MALFORMED_BODY, not_gzip, detail=sentence),
            no_parameters("/events"),
            *body_refusals(MAX_BYTES, body_seconds, _send(" ", MAX_BYTES + 1)),
            refusal(Problem.TOO_MANY_LINES, _send("\n", MAX_LINES + 1), max_lines=MAX_LINES),
            refusal(
                Problem.UNSUPPORTED_MEDIA_TYPE,
                _send("{}", media_type="text/plain"),
                media_type=ACCEPTED_TYPES,
            ),
            refusal(Problem.UNSUPPORTED_ENCODING, _send("{}", coding="br")),
            *not_stored,
        ],
        description="Report many events, one in each line or in each element of an array. Good"
        " lines are accepted even if others are not: the answer lists those. The lines of one"
        " request may count at different times.",
        requestBody=request_body(
            f"At most {MAX_LINES:,} lines and {MAX_BYTES:,} bytes, as sent and once inflated: the"
            " body may be compressed, with `Content-Encoding: gzip`. A blank line counts as a line"
            f" and reports nothing. {_ALIASES} mean the same as `{MEDIA_TYPE}`.",
            MEDIA_TYPE,
            {
                "type": "string",
                "format": "event-lines",
                "maxLength": MAX_BYTES,
                "contentMediaType": MEDIA_TYPE,
                "contentSchema": array,
            },
            {"all_good": _ALL_GOOD, "some_bad": _SOME_BAD},
        ),
    )
    body = post["requestBody"]
    body["content"][ARRAY_TYPE] = {"schema": array, "examples": named({"an_array": _ARRAY})}
    # A request without an accepted line gets the rejections, as in the answer 202.
    content = post["responses"]["400"]["content"][CONTENT_TYPE]
    properties = answer_schemas(BulkAnswer)["BulkAnswer"]["properties"]
    content["schema"]["allOf"].append({"properties": properties})
    content["examples"]["no_events"]["value"] |= _answer(_ALL_BAD)
    # Problems after some lines were stored list the lines, as the answer 202 does.
    content = post["responses"]["503"]["content"][CONTENT_TYPE]
    properties = answer_schemas(PartialAnswer)["PartialAnswer"]["properties"]
    content["schema"]["allOf"].append({"properties": properties})
    example = to_builtins(PartialAnswer(1, [], [2]))
    content["examples"]["outcome_unknown"]["value"] |= example
    return post
