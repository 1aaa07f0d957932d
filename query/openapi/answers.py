"""Describe what is known of a domain, or why it is not, in the words of OpenAPI 3.1."""

import msgspec

from query.lookup.answer import answer_of
from shared.model.counter import Counters
from shared.model.domain import parse_domain
from shared.model.status import Reason, Status
from shared.openapi.responses import NODE_FULL, Json, Refusal, Refusals, error_schema
from shared.openapi.schemas import MEANINGS

UNREAD: Refusals = {
    503: {
        "node_full": Refusal(NODE_FULL, "This node has as many reads in hand as it may."),
        "store_unavailable": Refusal(
            "The counts of the domain cannot be read for now.",
            "Cassandra did not answer: NoHostAvailable",
        ),
    }
}
"""Why a domain is not answered although it is one."""
_UNREAD_MEANINGS = {code: refusal.when for code, refusal in UNREAD[503].items()}


def answer_schema(threshold: int) -> Json:
    """Return the schema of an answer."""
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


NO_ANSWER: Json = {
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


def example_answer(text: str, counters: Counters, threshold: int) -> Json:
    """Return the answer to *text* as clients get it."""
    example: Json = msgspec.to_builtins(answer_of(parse_domain(text), counters, threshold))
    return example
