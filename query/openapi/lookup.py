"""Describe lookups of one domain and of many."""

import msgspec

from query.handlers import BODY_SECONDS, LOOKUP_FORM, MAX_BODY_BYTES, MEDIA_TYPE
from query.lookup.answer import Answer, answer_of
from query.lookup.answer_response import FOR_GOOD
from query.lookup.counter_reader import CassandraCounterReader
from query.messages import MAX_DOMAINS, BulkLookup, NoAnswer
from shared.model.counter import Counters
from shared.model.domain import escape_input, parse_domain
from shared.openapi.requests import IF_NONE_MATCH, named, no_parameters, path_domain, request_body
from shared.openapi.responses import (
    ETAG,
    NO_STORE,
    Json,
    answered,
    body_refusals,
    code_schema,
    header,
    not_modified,
    operation,
    refusal,
)
from shared.openapi.schemas import (
    DOMAIN_EXAMPLES,
    answer_schemas,
    domain_refusals,
    explain,
    reference,
    request_schemas,
)
from shared.problems import Problem

_NODE_FULL = refusal(Problem.NODE_FULL, detail=CassandraCounterReader.FULL)
_STORE_UNAVAILABLE = refusal(Problem.STORE_UNAVAILABLE)
_CACHED: Json = {
    "ETag": ETAG,
    "Cache-Control": header(
        f"`{FOR_GOOD}` if the status is final: the answer may be kept for good, though its counts"
        " may grow. Any other answer may be kept for a moment.",
        type="string",
        pattern=f"^({FOR_GOOD}|max-age=[0-9]+)$",
    ),
}
_NOT_A_DOMAIN = "ex_ample.com"


def lookup_schemas(threshold: int) -> Json:
    """Return the schemas of questions and answers."""
    schemas: Json = {**request_schemas(BulkLookup), **answer_schemas(Answer, NoAnswer)}
    schemas["Answer"]["properties"]["threshold"]["const"] = threshold
    refusals = [*map(refusal, DOMAIN_EXAMPLES), _NODE_FULL, _STORE_UNAVAILABLE]
    schemas["Failure"]["properties"]["code"] |= code_schema(refusals)
    return schemas


def get_domain(threshold: int) -> Json:
    """Return the operation that looks one domain up."""
    asked = {
        "delivered": ("example.com", Counters(threshold + 204, 0)),
        "bounced": ("Example.ORG.", Counters(17, 1)),
        "never_seen": ("b\u00fccher.example", Counters(0, 0)),
    }
    answers = {name: _answer(*each, threshold) for name, each in asked.items()}
    return operation(
        "traffic",
        "getDomain",
        "One domain",
        {
            "200": answered(
                "What the counters prove of the domain.",
                "application/json",
                reference(Answer),
                headers=_CACHED,
                examples=named(answers),
            ),
            "304": not_modified(_CACHED),
        },
        [
            *domain_refusals("/domains/{domain}"),
            no_parameters("/domains/example.com"),
            _NODE_FULL,
            _STORE_UNAVAILABLE,
        ],
        description="Under load, events that change no status are counted later, so the counts may"
        " be up to ten minutes old. An event that changes the status is counted at once.",
        parameters=[
            path_domain({name: text for name, (text, _) in asked.items()}),
            IF_NONE_MATCH,
        ],
    )


def post_domains(threshold: int) -> Json:
    """Return the operation that looks many domains up."""
    error = {"code": Problem.FORBIDDEN_CHARACTER.code, "detail": explain(_NOT_A_DOMAIN)}
    results = [
        _answer("example.com", Counters(threshold + 204, 0), threshold),
        {"domain": escape_input(_NOT_A_DOMAIN), "error": error},
    ]
    items = {"oneOf": [reference(Answer), reference(NoAnswer)]}
    array = {"type": "array", "minItems": 1, "maxItems": MAX_DOMAINS, "items": items}
    too_many = '{"domains": [' + ",".join(['""'] * (MAX_DOMAINS + 1)) + "]}"
    return operation(
        "traffic",
        "postDomains",
        "Many domains at once",
        {
            "200": answered(
                "An answer or an error for each domain, in the order of the request.",
                "application/json",
                {
                    "type": "object",
                    "required": ["results"],
                    "additionalProperties": False,
                    "properties": {"results": array},
                },
                headers={"Cache-Control": NO_STORE},
                examples=named({"one_invalid": {"results": results}}),
            )
        },
        [
            refusal(
                Problem.MALFORMED_JSON,
                _send('{"domain": "example.com"}'),
                part="body",
                form=LOOKUP_FORM,
            ),
            no_parameters("/domains"),
            refusal(Problem.DUPLICATE_FIELD, _send('{"domains": [], "domains": []}')),
            refusal(Problem.NO_DOMAINS, _send('{"domains": []}'), max_domains=MAX_DOMAINS),
            *body_refusals(
                MAX_BODY_BYTES, BODY_SECONDS, {**_send(" "), "times": MAX_BODY_BYTES + 1}
            ),
            refusal(Problem.TOO_MANY_DOMAINS, _send(too_many), max_domains=MAX_DOMAINS),
            refusal(
                Problem.UNSUPPORTED_MEDIA_TYPE,
                _send('{"domains": ["example.com"]}', "text/plain"),
                media_type=MEDIA_TYPE,
            ),
            refusal(Problem.UNSUPPORTED_ENCODING, _send("{}", coding="br")),
            _NODE_FULL,
        ],
        description="A domain that is invalid, or that cannot be answered, does not affect others.",
        requestBody=request_body(
            f"At most {MAX_DOMAINS:,} domains and {MAX_BODY_BYTES:,} bytes, as sent and once"
            " inflated: the body may be compressed, with `Content-Encoding: gzip`.",
            MEDIA_TYPE,
            reference(BulkLookup),
            {"one_invalid": {"domains": ["example.com", _NOT_A_DOMAIN]}},
        ),
    )


def _answer(text: str, counters: Counters, threshold: int) -> Json:
    """Return the answer to *text* as clients receive it."""
    answer: Json = msgspec.to_builtins(answer_of(parse_domain(text), counters, threshold))
    return answer


def _send(body: str, content_type: str = MEDIA_TYPE, coding: str = "") -> Json:
    headers = {"Content-Type": content_type} | ({"Content-Encoding": coding} if coding else {})
    return {"target": "/domains", "headers": headers, "body": body}
