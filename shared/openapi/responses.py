"""Render answers and refusals as responses of OpenAPI 3.1."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from msgspec import to_builtins

from shared.http.connection import MAX_FIELDS, MAX_HEAD_BYTES, MAX_TARGET_BYTES
from shared.http.problems import CONTENT_TYPE, RETRY_AFTER_SECONDS, describe
from shared.model.domain import MAX_LABEL_OCTETS, MAX_NAME_OCTETS
from shared.model.event import MAX_COUNT, MAX_IDEMPOTENCY_KEY_LENGTH
from shared.problems import Problem

Json = dict[str, Any]


class _Places(dict[str, object]):
    """Values for the places in a sentence; a place without a value stays as it is."""

    def __missing__(self, place: str) -> str:
        return f"{{{place}}}"


_LIMITS = {
    "max_name_octets": MAX_NAME_OCTETS,
    "max_label_octets": MAX_LABEL_OCTETS,
    "max_count": MAX_COUNT,
    "max_key_length": MAX_IDEMPOTENCY_KEY_LENGTH,
    "max_target_bytes": MAX_TARGET_BYTES,
    "max_head_bytes": MAX_HEAD_BYTES,
    "max_fields": MAX_FIELDS,
}


class Refusal(NamedTuple):
    """A problem that an operation may report, and an example of its document."""

    problem: Problem
    meaning: str
    """When it is reported."""
    detail: str
    request: Json | None
    """A request that is refused with the example."""


def refusal(
    problem: Problem, request: Json | None = None, *, detail: str = "", **values: object
) -> Refusal:
    """Return *problem* with *values* in its sentence.

    *request* is refused with it, in the sentence *detail* if not in its own.
    """
    sentence = problem.detail.format_map(_Places(_LIMITS | values))
    return Refusal(problem, f"{sentence} {problem.note}".rstrip(), detail or sentence, request)


_ANY_REQUEST = (
    refusal(Problem.MALFORMED_REQUEST),
    refusal(Problem.TARGET_TOO_LONG),
    refusal(Problem.HEAD_TOO_LARGE),
    refusal(Problem.REPEATED_FIELD),
    refusal(Problem.INTERNAL_ERROR),
    refusal(Problem.TOO_MANY_CONNECTIONS),
)


def body_refusals(max_bytes: int, seconds: float, too_large: Json) -> tuple[Refusal, ...]:
    """Return the refusals of a body; *too_large* is a request whose body is too large."""
    return (
        refusal(Problem.MALFORMED_BODY),
        refusal(Problem.BODY_TOO_SLOW, seconds=seconds),
        refusal(Problem.BODY_TOO_LARGE, too_large, max_bytes=max_bytes),
    )


def header(description: str = "", *, required: bool = True, **schema: object) -> Json:
    """Return a header of a response."""
    return {"description": description, "required": required, "schema": schema}


def constant(value: str, description: str = "", *, required: bool = True) -> Json:
    """Return a header that always has the same value."""
    return header(description, required=required, const=value)


NO_STORE = constant("no-store", "Caches do not store this answer.")
ETAG = header(
    "The version of this answer. Send it as `If-None-Match` to read only a newer one.",
    type="string",
    pattern='^(W/)?"[!-~]+"$',
)
_REFUSAL_HEADERS: Json = {
    "Cache-Control": NO_STORE,
    "X-Request-Id": header(
        "Identifies the request, also in the node's log: its own `X-Request-Id`, if that was 1 to"
        " 64 visible ASCII characters, else a new one.",
        type="string",
        pattern="^[!-~]{1,64}$",
    ),
    "Connection": constant("close", "If the connection ends.", required=False),
}
_AFTER = "Send the request again after this many seconds."
_HEADERS_BY_STATUS: dict[int, Json] = {
    401: {"WWW-Authenticate": constant("Bearer", "The way to authenticate.")},
    405: {"Allow": header("The methods of this path.", type="string")},
    415: {
        "Accept-Encoding": header("The content codings.", required=False, type="string"),
        "Accept-Post": header("The media types.", required=False, type="string"),
    },
    429: {"Retry-After": header(_AFTER, type="integer", minimum=1)},
    503: {"Retry-After": header(_AFTER, type="integer", const=RETRY_AFTER_SECONDS)},
}


def refused(refusals: Iterable[Refusal]) -> Json:
    """Return the responses with which *refusals* are reported, by status.

    The first of several refusals with the same problem counts.
    """
    by_status: dict[int, dict[Problem, Refusal]] = defaultdict(dict)
    for each in refusals:
        by_status[each.problem.status].setdefault(each.problem, each)
    return {str(status): _refusal(status, by_status[status]) for status in sorted(by_status)}


def _refusal(status: int, refusals: dict[Problem, Refusal]) -> Json:
    headers = {**_REFUSAL_HEADERS, **_HEADERS_BY_STATUS.get(status, {})}
    codes = code_schema(refusals.values())
    named = {"properties": {"status": {"const": status}, "code": {"enum": codes["enum"]}}}
    content = {
        "schema": {"allOf": [{"$ref": "#/components/schemas/ProblemDocument"}, named]},
        "examples": {problem.code: _example(each) for problem, each in refusals.items()},
    }
    return {
        "description": codes["description"],
        "headers": headers,
        "content": {CONTENT_TYPE: content},
    }


def _example(refusal: Refusal) -> Json:
    request = {} if refusal.request is None else {"x-request": refusal.request}
    return {"value": describe(refusal.problem, refusal.detail), **request}


def code_schema(refusals: Iterable[Refusal]) -> Json:
    """Return the schema of a code, with the meaning of each as a list in Markdown."""
    meanings = {each.problem.code: each.meaning for each in refusals}
    bullets = "\n".join(f"- `{code}`: {meaning}" for code, meaning in meanings.items())
    return {"enum": list(meanings), "description": bullets}


def answered(
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


def example_of(body: object, target: str) -> Json:
    """Return *body*, a message or a text, as the example of an answer to ``GET`` *target*."""
    return {"value": to_builtins(body), "x-request": {"target": target}}


def not_modified(headers: Json) -> Json:
    """Return the response to a client that has the current answer already."""
    return {"description": "The answer with this `If-None-Match` is current.", "headers": headers}


def operation(
    tag: str,
    name: str,
    summary: str,
    responses: Json,
    refusals: Iterable[Refusal] = (),
    **more: object,
) -> Json:
    """Return an operation; *refusals* are those that not every request may meet."""
    return {
        "tags": [tag],
        "operationId": name,
        "summary": summary,
        **more,
        "responses": dict(sorted({**refused((*refusals, *_ANY_REQUEST)), **responses}.items())),
    }


_UNROUTED = refused(
    [
        refusal(Problem.UNKNOWN_PATH, {"method": "GET", "target": "/nothing/here"}),
        refusal(
            Problem.METHOD_NOT_ALLOWED,
            {"method": "PUT", "target": "/openapi.json"},
            methods="GET, HEAD",
        ),
    ]
)
COMMON_RESPONSES: Json = {"UnknownPath": _UNROUTED["404"], "MethodNotAllowed": _UNROUTED["405"]}
"""The answers to requests that match no path or no method."""
