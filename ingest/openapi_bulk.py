"""Describe the bulk request in the words of OpenAPI 3.1."""

from ingest.bulk import MAX_BYTES, MAX_LINES
from shared.model.event import (
    IDEMPOTENCY_KEY_PATTERN,
    MAX_COUNT,
    MAX_IDEMPOTENCY_KEY_LENGTH,
    EventKind,
)
from shared.openapi.responses import (
    Json,
    Refusal,
    Refusals,
    answering,
    body_refusals,
    error_schema,
    refusing,
)
from shared.openapi.schemas import ANY_SPELLING, MEANINGS, explain

KEY: Json = {
    "type": "string",
    "pattern": f"^{IDEMPOTENCY_KEY_PATTERN}$",
    "maxLength": MAX_IDEMPOTENCY_KEY_LENGTH,
}
INVALID_KEY = f"The key is not 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} visible ASCII characters."
_LINE_CODES = {
    **MEANINGS,
    "unknown_event": "The event is neither `delivered` nor `bounced`.",
    "invalid_count": f"The count is not 1 to {MAX_COUNT:,}.",
    "invalid_key": INVALID_KEY.replace("key", "id", 1),
    "malformed_json": "The line is no JSON object.",
    "invalid_line": "A field is missing, unknown, or of the wrong type.",
}
_LINE: Json = {
    "type": "object",
    "description": "One line. Other fields are refused: one that was misspelt would count wrong.",
    "required": ["domain", "event"],
    "additionalProperties": False,
    "properties": {
        "domain": ANY_SPELLING,
        "event": {"enum": list(EventKind)},
        "count": {
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_COUNT,
            "default": 1,
            "description": "How many messages this line stands for.",
        },
        "id": {
            **KEY,
            "description": "Names the line, as `Idempotency-Key` does a PUT.",
        },
    },
}
_BULK_ANSWER: Json = {
    "type": "object",
    "required": ["accepted", "rejected"],
    "properties": {
        "accepted": {
            "type": "integer",
            "minimum": 0,
            "maximum": MAX_LINES,
            "description": "How many lines are safe, and will be counted.",
        },
        "rejected": {
            "type": "array",
            "description": "The lines that cannot be taken, in their order. Mend them.",
            "items": {
                "type": "object",
                "required": ["line", "code", "detail"],
                "properties": {
                    "line": {"type": "integer", "minimum": 1, "maximum": MAX_LINES},
                    **error_schema(_LINE_CODES),
                },
            },
        },
    },
}
_PARTLY: Json = {
    "properties": {
        **_BULK_ANSWER["properties"],
        "failed": {
            "type": "array",
            "description": "The lines that are not known to be safe. Send just these again."
            " Without it, nothing was taken: send the whole request again.",
            "items": {"type": "integer", "minimum": 1, "maximum": MAX_LINES},
        },
    }
}
_GOOD_LINES = (
    '{"domain": "example.com", "event": "delivered", "count": 1000}\n'
    '{"domain": "example.org", "event": "bounced", "id": "message-20392"}\n'
)
_SOME_BAD_LINES = (
    '{"domain": "example.com", "event": "delivered"}\n'
    '{"domain": "ex_ample.com", "event": "delivered"}\n'
    '{"domain": "example.com", "event": "opened"}\n'
    '{"domain": "example.com", "event": "delivered", "count": 0}\n'
    '{"domain": "example.com", "event": "delivered", "id": "two words"}\n'
    '{"domain": "example.com", "event": "delivered", "cuont": 5}\n'
    "example.com delivered\n"
)
_REJECTED = [
    (2, "forbidden_character", explain("ex_ample.com")),
    (3, "unknown_event", "The event must be 'delivered' or 'bounced'."),
    (4, "invalid_count", f"The count must be 1 to {MAX_COUNT}."),
    (
        5,
        "invalid_key",
        f"An idempotency key is 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} visible ASCII characters.",
    ),
    (6, "invalid_line", "Object contains unknown field `cuont`"),
    (7, "malformed_json", "The line is no JSON object."),
]
_SOME_REJECTED: Json = {
    "accepted": 1,
    "rejected": [
        {"line": line, "code": code, "detail": detail} for line, code, detail in _REJECTED
    ],
}


SCHEMAS: Json = {"Line": _LINE, "BulkAnswer": _BULK_ANSWER}


def _send(body: str, **headers: str) -> Json:
    return {
        "target": "/events",
        "headers": {"Content-Type": "application/x-ndjson", **headers},
        "body": body,
    }


_REFUSALS: Refusals = {
    400: {
        "malformed_body": Refusal(
            "The body is not framed as its headers say, or no gzip although they say so, or a gzip"
            " of too many members.",
            "The body is no gzip.",
            _send("no gzip", **{"Content-Encoding": "gzip"}),
        )
    },
    413: {
        "body_too_large": Refusal(
            f"The body has more than {MAX_BYTES:,} bytes, as sent or inflated.",
            f"The body may have {MAX_BYTES} bytes.",
            {**_send(" "), "times": MAX_BYTES + 1},
        ),
        "too_many_lines": Refusal(
            f"There are more than {MAX_LINES:,} lines.",
            f"A request may have {MAX_LINES} lines.",
            {**_send("\n"), "times": MAX_LINES + 1},
        ),
    },
    415: {
        "unsupported_media_type": Refusal(
            "The body is not declared as `application/x-ndjson`.",
            "Send application/x-ndjson.",
            _send("{}", **{"Content-Type": "application/json"}),
        ),
        "unsupported_encoding": Refusal(
            "The body is neither plain nor packed as gzip.",
            "Send the body plain or as gzip.",
            _send("{}", **{"Content-Encoding": "br"}),
        ),
    },
}


def _refusing(seconds: float, unstored: Refusals) -> Json:
    responses = refusing(_REFUSALS, body_refusals(MAX_BYTES, seconds), unstored)
    content = responses["503"]["content"]["application/problem+json"]
    content["schema"]["allOf"].append(_PARTLY)
    content["examples"]["outcome_unknown"]["value"] |= {
        "accepted": 1,
        "rejected": [],
        "failed": [2],
    }
    return responses


def post_events(body_seconds: float, unstored: Refusals) -> Json:
    """Return the operation; *unstored* are the refusals of what the log did not take."""
    return {
        "tags": ["traffic"],
        "operationId": "postEvents",
        "summary": "Many messages at once",
        "description": "Report many events, one in each line. Good lines are taken even if others"
        " are not: the answer names those. Lines of one request may count before others.",
        "requestBody": {
            "required": True,
            "description": f"At most {MAX_LINES:,} lines and {MAX_BYTES:,} bytes, as sent and once"
            " inflated: it may be packed, and say so by `Content-Encoding: gzip`. A line of nothing"
            " but space counts as one, and says nothing.",
            "content": {
                "application/x-ndjson": {
                    "schema": {
                        "type": "string",
                        "maxLength": MAX_BYTES,
                        "contentMediaType": "application/x-ndjson",
                        "contentSchema": {
                            "type": "array",
                            "maxItems": MAX_LINES,
                            "items": {"$ref": "#/components/schemas/Line"},
                        },
                    },
                    "examples": {
                        "all_good": {"value": _GOOD_LINES},
                        "some_bad": {"value": _SOME_BAD_LINES},
                    },
                }
            },
        },
        "responses": {
            "202": answering(
                "Every good line is safe, and will be counted.",
                "application/json",
                {"$ref": "#/components/schemas/BulkAnswer"},
                examples={
                    "all_good": {"value": {"accepted": 2, "rejected": []}},
                    "some_bad": {"value": _SOME_REJECTED},
                },
            ),
            **_refusing(body_seconds, unstored),
        },
    }
