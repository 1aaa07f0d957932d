"""Describe answers and refusals in the words of OpenAPI 3.1."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from shared.http.routing import RETRY_AFTER_SECONDS

Json = dict[str, Any]


class Refusal(NamedTuple):
    """When a code is sent, an example of its sentence, and of what brings it about."""

    when: str
    detail: str
    request: Json | None = None
    extra: Json | None = None
    """What the problem says beside the usual."""


Refusals = Mapping[int, Mapping[str, Refusal]]

PROBLEM: Json = {
    "type": "object",
    "description": "Why a request was refused, as RFC 9457 has it.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string", "description": "The name of the status."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "A sentence for people. It may change."},
        "code": {"type": "string", "description": "The reason, for programs. It is stable."},
    },
}
NODE_FULL = "The node has as much in hand as it may. Nothing was done. Send it again a bit later."
_ANY_REQUEST: Refusals = {
    400: {
        "malformed_request": Refusal(
            "The request is not well-formed HTTP/1.1, or its line or headers are too large.",
            "This is not well-formed HTTP/1.1.",
        )
    },
    500: {
        "internal_error": Refusal(
            "The node has a defect. It was logged.", "A defect of this node; it was logged."
        )
    },
    503: {
        "too_many_connections": Refusal(
            "The node has as many connections as it may.",
            "This node has all the connections it may.",
        )
    },
}
_CLOSING = {400, 408, 413, 500, 503}
"""Statuses that some codes close the connection with."""
NO_STORE: Json = {
    "description": "The answer is for this moment only.",
    "required": True,
    "schema": {"const": "no-store"},
}
_HEADERS: Json = {
    "X-Request-Id": {
        "description": "The name of the request: its `X-Request-Id`, if that was 1 to 64 visible"
        " ASCII characters, else one made for it. The node's log has it too.",
        "required": True,
        "schema": {"type": "string", "pattern": "^[!-~]{1,64}$"},
    },
    "Retry-After": {
        "description": "Send the request again after this many seconds.",
        "required": True,
        "schema": {"type": "integer", "const": RETRY_AFTER_SECONDS},
    },
    "Allow": {
        "description": "The methods that this path answers to.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Connection": {
        "description": "Present if the node closes the connection with this answer.",
        "schema": {"const": "close"},
    },
}


def body_refusals(max_bytes: int, seconds: float, too_large: Json | None = None) -> Refusals:
    """Return the refusals of a body that is too large, too slow, or not framed as it says.

    *too_large* asks for the first of these.
    """
    return {
        400: {
            "malformed_body": Refusal(
                "The body is not framed as its headers say.",
                "The body is not framed as its headers say.",
            )
        },
        408: {
            "body_too_slow": Refusal(
                f"The body did not come within {seconds:g} seconds.",
                "The body did not come in time.",
            )
        },
        413: {
            "body_too_large": Refusal(
                f"The body has more than {max_bytes:,} bytes.",
                f"The body may have {max_bytes} bytes.",
                too_large,
            )
        },
    }


def refusing(*several: Refusals) -> Json:
    """Return the responses of *several* refusals, and of those that any request may meet."""
    by_status: dict[int, dict[str, Refusal]] = {}
    for refusals in (*several, _ANY_REQUEST):
        for status, codes in refusals.items():
            said = by_status.get(status, {})
            by_status[status] = {**said, **codes, **said}  # what was said first is to the point
    return {str(status): response(status, by_status[status]) for status in sorted(by_status)}


def error_schema(meanings: Mapping[str, str]) -> Json:
    """Return the properties of what says why one of many was refused, while others were not."""
    return {
        "code": {"enum": list(meanings), "description": bullets(meanings)},
        "detail": PROBLEM["properties"]["detail"],
    }


def bullets(meanings: Mapping[str, str]) -> str:
    """Return what each code means as a list in Markdown."""
    return "\n".join(f"- `{code}`: {when}" for code, when in meanings.items())


def response(status: int, codes: Mapping[str, Refusal]) -> Json:
    """Return the response of the refusals of one status, by their codes."""
    headers = {"Cache-Control": NO_STORE, "X-Request-Id": _HEADERS["X-Request-Id"]}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = _HEADERS["Retry-After"]
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _HEADERS["Allow"]
    if status in _CLOSING:
        headers["Connection"] = _HEADERS["Connection"]
    named = {"properties": {"status": {"const": status}, "code": {"enum": list(codes)}}}
    content = {
        "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, named]},
        "examples": {code: _example(status, code, refusal) for code, refusal in codes.items()},
    }
    return {
        "description": bullets({code: refusal.when for code, refusal in codes.items()}),
        "headers": headers,
        "content": {"application/problem+json": content},
    }


def _example(status: int, code: str, refusal: Refusal) -> Json:
    example: Json = {
        "summary": refusal.when,
        "value": {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "detail": refusal.detail,
            "code": code,
            **(refusal.extra or {}),
        },
    }
    if refusal.request is not None:
        example["x-request"] = refusal.request
    return example


RESPONSES: Json = {
    "UnknownPath": response(
        404,
        {
            "unknown_path": Refusal(
                "There is nothing at this path.",
                "There is nothing at this path.",
                {"method": "GET", "target": "/nothing/here"},
            )
        },
    ),
    "MethodNotAllowed": response(
        405,
        {
            "method_not_allowed": Refusal(
                "This path does not answer to this method.",
                "This path answers to GET, HEAD.",
                {"method": "PUT", "target": "/openapi.json"},
            )
        },
    ),
}
"""What requests are answered with that are for no path or no method of ours."""


def answering(
    description: str,
    media_type: str,
    schema: Json,
    *,
    headers: Json | None = None,
    examples: Json | None = None,
) -> Json:
    """Return a response with a body."""
    return {
        "description": description,
        "headers": headers or {},
        "content": {media_type: {"schema": schema, "examples": examples or {}}},
    }


def not_modified(headers: Json) -> Json:
    """Return the response to whoever has the newest answer already."""
    return {
        "description": "What you have is still true: `If-None-Match` names it.",
        "headers": headers,
    }


IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of an answer that you have. If it is still true, 304 says so.",
    "schema": {"type": "string"},
}
ETAG: Json = {
    "description": "Names this answer. Send it as `If-None-Match` to ask whether it is still true.",
    "required": True,
    "schema": {"type": "string", "pattern": '^(W/)?"[!-~]+"$'},
}
