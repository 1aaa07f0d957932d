"""Assemble the API document of a tier, OpenAPI 3.1, and serve it.

Documents are plain dicts. Limits come from the constants and settings that impose them, refusals
from the table of problems, schemas from the message types, and examples from the code that makes
the answers. A test sends each example to real nodes: its request is the request example of the
same name, or its ``x-request``.
"""

import hashlib
import json
from typing import NamedTuple

from aiohttp import web

from shared.http.application import OPEN, Route
from shared.http.management import ReadinessReport
from shared.http.problems import ProblemDocument
from shared.http.request_rules import is_known
from shared.openapi.access import KEY_SCHEME
from shared.openapi.management import management_paths
from shared.openapi.requests import IF_NONE_MATCH
from shared.openapi.responses import (
    COMMON_RESPONSES,
    ETAG,
    Json,
    answered,
    constant,
    not_modified,
    operation,
)
from shared.openapi.schemas import answer_schemas, request_schemas

API_VERSION = "0.1.0"
_MAX_AGE_SECONDS = 300
_CACHE_CONTROL = f"public, max-age={_MAX_AGE_SECONDS}"

_ALWAYS = """
A domain may be sent in any spelling; answers have its one spelling.

Every refusal is a problem document (RFC 9457) with a stable `code`. In addition to the codes that
each path lists, an unknown path is refused with 404 `unknown_path`, and a method that a path does
not have with 405 `method_not_allowed` and `Allow`. HEAD is answered wherever GET is. A refusal
shows at most 80 characters of what was sent, escaped.

A node closes a connection some minutes after it was opened, when the node stops, and with an
answer that it sends before the body of the request has arrived. The last answer has `Connection:
close`; no request is lost.
"""


class Documents(NamedTuple):
    """The document that each port serves: each names the address of the other port."""

    traffic: Json
    management: Json


_HERE: Json = {"url": "/", "description": "The port that this document comes from."}


def build_documents(
    title: str,
    description: str,
    paths: Json,
    schemas: Json,
    *,
    host: str,
    ports: tuple[int, int],
    dependency: str,
    keys: bool,
) -> Documents:
    """Return the documents of a tier.

    *ports* are those of traffic and management; the tier is not ready without *dependency*; *keys*
    is whether its nodes require API keys.
    """
    traffic, management = (_server(host, port) for port in ports)
    operators = management_paths(dependency)
    document: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": API_VERSION,
            "description": f"{description.strip()}\n{_ALWAYS}",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [_HERE],
        "tags": [
            {"name": "traffic", "description": "For senders and customers."},
            {"name": "people", "description": "Pages and their data, on the traffic port."},
            {"name": "management", "description": "For operators, on a separate port."},
        ],
        "paths": {**paths, "/openapi.json": _DOCUMENT_PATH, **_at(management, operators)},
        "components": {
            # The members of a problem document are not all: some problems add their own.
            "schemas": {
                **schemas,
                **request_schemas(ProblemDocument),
                **answer_schemas(ReadinessReport),
            },
            "responses": COMMON_RESPONSES,
            "securitySchemes": KEY_SCHEME if keys else {},
        },
    }
    from_management = {
        "servers": [traffic],
        "paths": {**document["paths"], **_at(_HERE, operators)},
    }
    return Documents(document, {**document, **from_management})


def _at(server: Json, paths: Json) -> Json:
    return {path: {**item, "servers": [server]} for path, item in paths.items()}


def _server(host: str, port: int) -> Json:
    return {
        "url": "http://{host}:{port}",
        "description": "The other port of the node.",
        "variables": {"host": {"default": host}, "port": {"default": str(port)}},
    }


def build_route(document: Json) -> Route:
    """Return the route that serves *document*, encoded once."""
    body = json.dumps(document, ensure_ascii=False).encode()
    tag = hashlib.sha256(body).hexdigest()[:32]
    headers = {"ETag": f'"{tag}"', "Cache-Control": _CACHE_CONTROL}

    async def get(request: web.Request) -> web.Response:
        if is_known(request, tag):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, content_type="application/json", headers=headers)

    return Route("GET", "/openapi.json", get, OPEN)


def document_answers(description: str, headers: Json) -> Json:
    """Return the answers of an operation that serves a document of an API."""
    schema = {"type": "object", "required": ["openapi", "info", "paths"]}
    return {
        "200": answered(description, "application/json", schema, headers=headers),
        "304": not_modified(headers),
    }


_HEADERS: Json = {
    "ETag": ETAG,
    "Cache-Control": constant(_CACHE_CONTROL, "Caches may keep the document for some minutes."),
}
_DOCUMENT_PATH: Json = {
    "get": operation(
        "traffic",
        "getDocument",
        "This document",
        document_answers("The document, in OpenAPI 3.1.", _HEADERS),
        description="Both ports serve it.",
        parameters=[IF_NONE_MATCH],
    )
}
