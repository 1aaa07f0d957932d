"""Describe the pages of a query node."""

from query.page.static_files import security_headers
from shared.model.message_fields import AnyDomain
from shared.model.scope import Scope
from shared.openapi.access import KEY_STATUSES, require_key
from shared.openapi.requests import IF_NONE_MATCH, parameter
from shared.openapi.responses import (
    ETAG,
    NO_STORE,
    Json,
    answered,
    constant,
    header,
    not_modified,
    operation,
)

_TEXT: Json = {"type": "string"}
_HTML: Json = {"text/html": {"schema": _TEXT}}


_REVALIDATED: Json = {
    "ETag": ETAG,
    "Cache-Control": constant("no-cache", "Caches ask each time whether it is current."),
    "Vary": constant("Accept-Encoding"),
}


def _secured(*, data_images: bool = False) -> Json:
    headers = security_headers(data_images=data_images)
    return {name: constant(value) for name, value in headers.items()}


def _get_page() -> Json:
    kept = {**_secured(), **_REVALIDATED}
    optional = {name: _REVALIDATED[name] | {"required": False} for name in ("ETag", "Vary")}
    cached = header(
        "`no-store` if the page has an answer in it.",
        enum=["no-cache", NO_STORE["schema"]["const"]],
    )
    page = answered(
        "The page, with the answer in it if a domain was looked up.",
        "text/html",
        _TEXT,
        headers={**_secured(), **optional, "Cache-Control": cached},
    )
    get = operation(
        "people",
        "getPage",
        "The page",
        {"200": page, "304": not_modified(kept)},
        description="Look a domain up, watch changes and the pipeline. The lookup works without"
        " scripts: the form requests this path. The files at `/static/` are part of the page and"
        " may change with it.",
        parameters=[
            parameter(
                "query",
                "domain",
                AnyDomain,
                {"looked_up": "example.com"},
                "Look this domain up. Space around it is ignored.",
            ),
            IF_NONE_MATCH,
        ],
    )
    for status, when in {
        "400": "As HTML: `domain` is not a mail domain; the page shows the reason.",
        "503": "As HTML: there is no answer for now; the page shows the reason.",
    }.items():
        get["responses"][status]["description"] += f"\n\n{when}"
        get["responses"][status]["content"] |= _HTML
    return get


def _get_docs() -> Json:
    kept = {**_secured(data_images=True), **_REVALIDATED}
    page = answered("The page.", "text/html", _TEXT, headers=kept)
    return operation(
        "people",
        "getDocs",
        "This document, to read and to try",
        {"200": page, "304": not_modified(kept)},
        parameters=[IF_NONE_MATCH],
    )


PAGES: Json = {"/": {"get": _get_page()}, "/docs": {"get": _get_docs()}}


def require_key_to_look_up(item: Json) -> Json:
    """Return the page of a node that requires API keys: only a lookup needs one."""
    get = require_key("/", item, Scope.QUERY)["get"]
    for status in KEY_STATUSES:
        refused = get["responses"][status]
        get["responses"][status] = {
            "description": f"{refused['description']}\n\nAs HTML, for a lookup.",
            "headers": {**refused["headers"], **_secured()},
            "content": _HTML,
        }
    return {"get": {**get, "security": [{}, *get["security"]]}}
