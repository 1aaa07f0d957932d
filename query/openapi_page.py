"""Describe what a query node has for people in the words of OpenAPI 3.1."""

import msgspec

from query.pulse import FRESH_SECONDS, Pulse
from shared.openapi_domain import ANY_SPELLING
from shared.openapi_responses import (
    ETAG,
    IF_NONE_MATCH,
    NO_STORE,
    Json,
    answering,
    not_modified,
    refusing,
)

_REVALIDATED: Json = {"ETag": ETAG, "Cache-Control": {"schema": {"const": "no-cache"}}}
_HTML: Json = {"text/html": {"schema": {"type": "string"}}}


def pulse_schemas() -> Json:
    """Return the schemas of what ``/pulse`` says."""
    _, schemas = msgspec.json.schema_components(
        (Pulse,), ref_template="#/components/schemas/{name}"
    )
    return schemas


def _get_page() -> Json:
    refusals = refusing()
    for status in ("400", "503"):
        refusals[status]["content"] |= _HTML
    page = answering(
        "The page, with the answer in it if there was a question.",
        "text/html",
        {"type": "string"},
        headers={"ETag": {**ETAG, "required": False}},
    )
    return {
        "tags": ["people"],
        "operationId": "getPage",
        "summary": "The page",
        "description": "Look a domain up, watch changes and the pipeline. It works without a script"
        " too: the form asks for this path. What it needs beside is at `/static/`.",
        "parameters": [
            {
                "name": "domain",
                "in": "query",
                "description": "Look this domain up. Space around it is left out.",
                "schema": ANY_SPELLING,
                "examples": {"looked_up": {"value": "example.com"}},
            },
            IF_NONE_MATCH,
        ],
        "responses": {"200": page, "304": not_modified(_REVALIDATED), **refusals},
    }


PATHS: Json = {
    "/": {"get": _get_page()},
    "/docs": {
        "get": {
            "tags": ["people"],
            "operationId": "getDocs",
            "summary": "This document, to be read and tried",
            "parameters": [IF_NONE_MATCH],
            "responses": {
                "200": answering(
                    "The page.", "text/html", {"type": "string"}, headers=_REVALIDATED
                ),
                "304": not_modified(_REVALIDATED),
                **refusing(),
            },
        }
    },
    "/pulse": {
        "get": {
            "tags": ["people"],
            "operationId": "getPulse",
            "summary": "How the pipeline is",
            "description": "Rates, delay, lag per partition, and who is up: as of this moment, or"
            f" of at most {FRESH_SECONDS:g} second ago. What did not tell is named in `failing`.",
            "responses": {
                "200": answering(
                    "What is known.",
                    "application/json",
                    {"$ref": "#/components/schemas/Pulse"},
                    headers={"Cache-Control": NO_STORE},
                ),
                **refusing(),
            },
        }
    },
}
