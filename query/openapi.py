"""Describe the query tier's API in the words of OpenAPI 3.1."""

import msgspec

from query.answer import answer_of
from query.answer_response import FOR_GOOD
from query.config import ChangesSettings, QuerySettings
from query.handlers import BODY_SECONDS, MAX_BODY_BYTES, MAX_DOMAINS
from query.openapi_changes import changes_path
from query.openapi_page import PATHS, pulse_schemas
from shared.counter import Counters
from shared.domain import escape_input, parse_domain
from shared.openapi import Documents, build_documents
from shared.openapi_domain import ANY_SPELLING, MEANINGS, domain_refusals, explain
from shared.openapi_responses import (
    ETAG,
    IF_NONE_MATCH,
    NO_STORE,
    NODE_FULL,
    Json,
    Refusal,
    Refusals,
    answering,
    body_refusals,
    error_schema,
    not_modified,
    refusing,
)
from shared.status import Reason, Status

_DESCRIPTION = """
Ask whether a mail domain accepts everything. It is *not catch-all* once one message to it bounced,
whatever was delivered, and stays so. It is *catch-all* if more messages than the threshold were
delivered and none bounced. Else it is *unknown*, as is a domain that was never seen.
"""


def build(settings: QuerySettings, changes: ChangesSettings) -> Documents:
    """Return the documents of a node with these settings."""
    return build_documents(
        "catchall: ask for domains",
        _DESCRIPTION,
        {
            "/domains/{domain}": {"get": _get_domain(settings.threshold)},
            "/domains": {"post": _post_domains(settings.threshold)},
            "/changes": changes_path(changes, settings.threshold),
            **PATHS,
        },
        {"Answer": _answer(settings.threshold), "NoAnswer": _NO_ANSWER, **pulse_schemas()},
        host=settings.http_host,
        ports=(settings.http_port, settings.management_port),
        needs="cassandra",
    )


_UNREAD: Refusals = {
    503: {
        "node_full": Refusal(NODE_FULL, "This node has as many reads in hand as it may."),
        "store_unavailable": Refusal(
            "The counts of the domain cannot be read for now.",
            "Cassandra did not answer: NoHostAvailable",
        ),
    }
}
_UNREAD_MEANINGS = {code: refusal.when for code, refusal in _UNREAD[503].items()}


def _answer(threshold: int) -> Json:
    count = {"type": "integer", "minimum": 0}
    return {
        "type": "object",
        "description": "What is known of a domain.",
        "required": ["domain", "status", "delivered", "bounced", "threshold", "reason"],
        "additionalProperties": False,
        "properties": {
            "domain": {"$ref": "#/components/schemas/DomainName"},
            "status": {
                "enum": list(Status),
                "description": f"`{Status.NOT_CATCH_ALL}` is final.",
            },
            "delivered": {**count, "description": "Messages that were delivered."},
            "bounced": {**count, "description": "Messages that bounced."},
            "threshold": {
                "const": threshold,
                "description": "A domain is catch-all by more deliveries than this.",
            },
            "reason": {"enum": list(Reason), "description": "Why the status is what it is."},
        },
    }


_NO_ANSWER: Json = {
    "type": "object",
    "description": "Why there is no answer for one of many domains.",
    "required": ["domain", "error"],
    "additionalProperties": False,
    "properties": {
        "domain": {
            "type": "string",
            "description": "What was sent, escaped and cut to 80 characters; or, where only the"
            " answer is missing, the domain in its one spelling.",
        },
        "error": {
            "type": "object",
            "required": ["code", "detail"],
            "additionalProperties": False,
            "properties": error_schema({**MEANINGS, **_UNREAD_MEANINGS}),
        },
    },
}


def _example(text: str, counters: Counters, threshold: int) -> Json:
    example: Json = msgspec.to_builtins(answer_of(parse_domain(text), counters, threshold))
    return example


_KEPT: Json = {
    "ETag": ETAG,
    "Cache-Control": {
        "description": f"`{FOR_GOOD}` where the status is final: the answer may be kept for good,"
        " though its counts may grow. Any other is for a moment.",
        "required": True,
        "schema": {"type": "string", "pattern": f"^({FOR_GOOD}|public, max-age=[0-9]+)$"},
    },
}


def _get_domain(threshold: int) -> Json:
    asked = {
        "delivered": ("example.com", Counters(threshold + 204, 0)),
        "bounced": ("Example.ORG.", Counters(17, 1)),
        "never_seen": ("b\u00fccher.example", Counters(0, 0)),
    }
    return {
        "tags": ["traffic"],
        "operationId": "getDomain",
        "summary": "One domain",
        "parameters": [
            {
                "name": "domain",
                "in": "path",
                "required": True,
                "schema": ANY_SPELLING,
                "examples": {name: {"value": text} for name, (text, _) in asked.items()},
            },
            IF_NONE_MATCH,
        ],
        "responses": {
            "200": answering(
                "What is known of the domain.",
                "application/json",
                {"$ref": "#/components/schemas/Answer"},
                headers=_KEPT,
                examples={
                    name: {"value": _example(text, counters, threshold)}
                    for name, (text, counters) in asked.items()
                },
            ),
            "304": not_modified(_KEPT),
            **refusing({400: domain_refusals("/domains/{domain}")}, _UNREAD),
        },
    }


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


def _post_domains(threshold: int) -> Json:
    bad = "ex_ample.com"
    error = {"code": "forbidden_character", "detail": explain(bad)}
    results = [
        _example("example.com", Counters(threshold + 204, 0), threshold),
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
                {503: {"node_full": _UNREAD[503]["node_full"]}},
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
