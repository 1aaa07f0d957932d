"""Describe what the tiers' APIs have in common, in the words of OpenAPI 3.1, and serve it.

Documents are plain dicts. Limits come from the constants and settings that impose them, and
examples are what the code says, so that neither can say anything else. A test sends each example
to real nodes: what asks for it is the request example of the same name, or its ``x-request``.
"""

import hashlib
import json
from typing import NamedTuple

from aiohttp import web

from shared.http.routing import OPEN, Route, is_known
from shared.openapi.management import management_paths
from shared.openapi.responses import (
    ETAG,
    IF_NONE_MATCH,
    PROBLEM,
    RESPONSES,
    Json,
    answering,
    not_modified,
    refusing,
)
from shared.openapi.schemas import DOMAIN_NAME

API_VERSION = "0.1.0"
_MAX_AGE_SECONDS = 300
_CACHE_CONTROL = f"public, max-age={_MAX_AGE_SECONDS}"

_ALWAYS = """
A domain may be sent in any spelling; answers have its one spelling.

Every refusal is a problem as RFC 9457 has it, with a stable `code`. Beside those that are listed
at each path, a path that is not here is refused with 404 `unknown_path`, and a method that a path
does not have with 405 `method_not_allowed` and `Allow`. HEAD is answered wherever GET is. What was
sent is shown in a refusal by 80 characters at most, escaped.

A node closes a connection some minutes after it was opened, and when it stops. The last answer says
`Connection: close`; nothing that was asked is lost.
"""


class Documents(NamedTuple):
    """What each port of a tier serves: to each, it is the other that is somewhere else."""

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
    needs: str,
    schemes: Json,
) -> Documents:
    """Return the documents of a tier.

    *ports* are those of traffic and management; *needs* is what the tier is not ready without;
    *schemes* are what proves who asks, empty for a node that runs open.
    """
    traffic, management = (_server(host, port) for port in ports)
    operators = management_paths(needs)
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
            {"name": "traffic", "description": "What senders and customers use."},
            {"name": "people", "description": "What is looked at, on the traffic port."},
            {"name": "management", "description": "What operators use, on a port of its own."},
        ],
        "paths": {**paths, "/openapi.json": _DOCUMENT_PATH, **_at(management, operators)},
        "components": {
            "schemas": {"Problem": PROBLEM, "DomainName": DOMAIN_NAME, **schemas},
            "responses": RESPONSES,
            "securitySchemes": schemes,
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

    async def get(request: web.BaseRequest) -> web.Response:
        if is_known(request, tag):
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, content_type="application/json", headers=headers)

    return Route("GET", "/openapi.json", get, OPEN)


_DOCUMENT_HEADERS: Json = {
    "ETag": ETAG,
    "Cache-Control": {
        "description": "The document may be kept for some minutes.",
        "required": True,
        "schema": {"const": _CACHE_CONTROL},
    },
}
_DOCUMENT_PATH: Json = {
    "get": {
        "tags": ["traffic"],
        "operationId": "getDocument",
        "summary": "This document",
        "description": "It is served on both ports.",
        "parameters": [IF_NONE_MATCH],
        "responses": {
            "200": answering(
                "The document, in OpenAPI 3.1.",
                "application/json",
                {"type": "object", "required": ["openapi", "info", "paths"]},
                headers=_DOCUMENT_HEADERS,
            ),
            "304": not_modified(_DOCUMENT_HEADERS),
            **refusing(),
        },
    }
}
