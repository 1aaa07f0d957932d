"""Render parameters and bodies of requests as OpenAPI 3.1."""

from collections.abc import Mapping
from typing import Any

import msgspec

from shared.model.message_fields import AnyDomain
from shared.openapi.responses import Json, Refusal, refusal
from shared.problems import Problem


def named(values: Mapping[str, object]) -> Json:
    """Return *values* as examples."""
    return {name: {"value": value} for name, value in values.items()}


def parameter(
    place: str,
    name: str,
    field: Any,
    examples: Mapping[str, object] | None = None,
    description: str = "",
) -> Json:
    """Return a parameter; *field* is the type of its value, *place* is where it stands."""
    described = {"description": description} if description else {}
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        **described,
        "schema": msgspec.json.schema(field),
        "examples": named(examples or {}),
    }


def path_domain(examples: Mapping[str, object]) -> Json:
    """Return the path parameter ``domain``."""
    return parameter("path", "domain", AnyDomain, examples)


IF_NONE_MATCH = parameter(
    "header",
    "If-None-Match",
    str,
    description="The `ETag` of an answer that you have. The answer is 304 if it is current.",
)


def no_parameters(target: str, **request: object) -> Refusal:
    """Return the refusal of a query parameter by an operation at *target*, which has none."""
    sentence = Problem.UNKNOWN_PARAMETER.explain(name='"page"')
    return refusal(
        Problem.UNKNOWN_PARAMETER, {"target": f"{target}?page=2", **request}, detail=sentence
    )


def request_body(
    description: str, media_type: str, schema: Json, examples: Mapping[str, object]
) -> Json:
    """Return the body of a request."""
    content = {media_type: {"schema": schema, "examples": named(examples)}}
    return {"required": True, "description": description, "content": content}
