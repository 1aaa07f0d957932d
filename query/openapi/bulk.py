"""Describe questions for many domains in the words of OpenAPI 3.1."""

from query.handlers import BODY_SECONDS, MAX_BODY_BYTES, MAX_DOMAINS
from query.openapi.answers import UNREAD, example_answer
from shared.model.counter import Counters
from shared.model.domain import escape_input
from shared.openapi.responses import (
    NO_STORE,
    Json,
    Refusal,
    Refusals,
    answering,
    body_refusals,
    refusing,
)
from shared.openapi.schemas import explain


def _send(body: str, content_type: str = "application/json") -> Json:
    return {"target": "/domains", "headers": {"Content-Type": content_type}, "body": body}


_SEND_THIS = 'Send {"domains": ["example.com", ...]}.'
_BULK_REFUSALS: Refusals = {
    400: {
        "malformed_json": Refusal(
            "The body is no JSON object with a list of texts, `domains`, and nothing else.",
            _SEND_THIS,
            _send('{"domain": "example.com"}'),
        ),
        "no_domains": Refusal(
            "The list is empty.", f"Name 1 to {MAX_DOMAINS} domains.", _send('{"domains": []}')
        ),
    },
    413: {
        "body_too_large": Refusal(
            f"The body has more than {MAX_BODY_BYTES:,} bytes.",
            f"The body may have {MAX_BODY_BYTES} bytes.",
            {**_send(" "), "times": MAX_BODY_BYTES + 1},
        ),
        "too_many_domains": Refusal(
            f"The list has more than {MAX_DOMAINS:,} domains.",
            f"Name at most {MAX_DOMAINS} domains.",
            _send('{"domains": [' + ",".join(['""'] * (MAX_DOMAINS + 1)) + "]}"),
        ),
    },
    415: {
        "unsupported_media_type": Refusal(
            "The body is not declared as `application/json`.",
            "Send application/json.",
            _send('{"domains": ["example.com"]}', "text/plain"),
        )
    },
}


def post_domains(threshold: int) -> Json:
    """Return the operation."""
    bad = "ex_ample.com"
    error = {"code": "forbidden_character", "detail": explain(bad)}
    results = [
        example_answer("example.com", Counters(threshold + 204, 0), threshold),
        {"domain": escape_input(bad), "error": error},
    ]
    answer = {
        "type": "object",
        "required": ["results"],
        "additionalProperties": False,
        "properties": {
            "results": {
                "type": "array",
                "description": "An answer or an error for each domain, in the order of the list.",
                "minItems": 1,
                "maxItems": MAX_DOMAINS,
                "items": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/Answer"},
                        {"$ref": "#/components/schemas/NoAnswer"},
                    ]
                },
            }
        },
    }
    return {
        "tags": ["traffic"],
        "operationId": "postDomains",
        "summary": "Many domains at once",
        "description": "A name that is none, or that cannot be answered, spoils no other.",
        "requestBody": {
            "required": True,
            "description": f"At most {MAX_DOMAINS:,} domains and {MAX_BODY_BYTES:,} bytes.",
            "content": {
                "application/json": {
                    "schema": _QUESTION,
                    "examples": {"one_is_none": {"value": {"domains": ["example.com", bad]}}},
                }
            },
        },
        "responses": {
            "200": answering(
                "What is known of each.",
                "application/json",
                answer,
                headers={"Cache-Control": NO_STORE},
                examples={"one_is_none": {"value": {"results": results}}},
            ),
            **refusing(
                _BULK_REFUSALS,
                body_refusals(MAX_BODY_BYTES, BODY_SECONDS),
                {503: {"node_full": UNREAD[503]["node_full"]}},
            ),
        },
    }


_QUESTION: Json = {
    "type": "object",
    "required": ["domains"],
    "additionalProperties": False,
    "properties": {
        "domains": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_DOMAINS,
            "items": {
                "type": "string",
                "description": "A domain in any spelling. One that is none gets an error.",
            },
        }
    },
}
