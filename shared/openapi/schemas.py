"""Render the schemas of message types, and of what is refused as a mail domain."""

from collections.abc import Mapping
from typing import Any

import msgspec

from shared.errors import InvalidDomainError
from shared.model.domain import MAX_LABEL_OCTETS, MAX_NAME_OCTETS, parse_domain
from shared.openapi.responses import Json, Refusal, refusal
from shared.problems import Problem

DOMAIN_EXAMPLES: Mapping[Problem, str] = {
    Problem.DOMAIN_TOO_LONG: ".".join(["a" * MAX_LABEL_OCTETS] * (MAX_NAME_OCTETS // 63)),
    Problem.EMPTY_DOMAIN: "",
    Problem.IP_ADDRESS: "127.0.0.1",
    Problem.FORBIDDEN_CHARACTER: "ex_ample.com",
    Problem.EMPTY_LABEL: "a..example.com",
    Problem.LABEL_TOO_LONG: f"{'a' * (MAX_LABEL_OCTETS + 1)}.com",
    Problem.HYPHEN_AT_EDGE: "-a.example.com",
    Problem.BAD_IDNA_LABEL: "xn--a.com",
    Problem.SINGLE_LABEL: "localhost",
    Problem.NUMERIC_LAST_LABEL: "example.123",
}
"""A text for each problem of a domain."""


def domain_refusals(target: str) -> list[Refusal]:
    """Return the refusals of the path parameter ``{domain}`` of *target*."""
    return [
        refusal(problem, {"target": target.format(domain=text)}, detail=explain(text))
        for problem, text in DOMAIN_EXAMPLES.items()
    ]


def explain(text: str) -> str:
    """Return the sentence with which *text*, which is not a domain, is refused."""
    try:
        parse_domain(text)
    except InvalidDomainError as error:
        return str(error)
    raise ValueError(f"{text} is a domain")


def reference(message: type) -> Json:
    """Return a schema that refers to that of a message type."""
    return {"$ref": f"#/components/schemas/{message.__name__}"}


def request_schemas(*types: Any) -> Json:
    """Return the schemas of message types, and of the types that they use, by name."""
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    return schemas


def answer_schemas(*types: Any) -> Json:
    """Return the same of types that only we write: all fields are there, and no others."""
    schemas = request_schemas(*types)
    for schema in schemas.values():
        if "properties" in schema:
            schema |= {"required": list(schema["properties"]), "additionalProperties": False}
            for each in schema["properties"].values():
                each.pop("default", None)
    return schemas
