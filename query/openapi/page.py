"""Describe the pages of a query node."""

from query.page.static_files import security_headers
from query.pulse.ingest_document import PATH
from shared.model.message_fields import AnyDomain
from shared.model.scope import Scope
from shared.openapi.access import KEY_STATUSES, require_key
from shared.openapi.document import document_answers
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
    refusal,
)
from shared.problems import Problem

_TEXT: Json = {"type": "string"}
_HTML: Json = {"text/html": {"schema": _TEXT}}


_REVALIDATED: Json = {
    "ETag": ETAG,
    "Cache-Control": constant("no-cache", "Caches ask each time whether it is current."),
    "Vary": constant("Accept-Encoding"),
}


_DOCUMENT_HEADERS: Json = {name: _REVALIDATED[name] for name in ("ETag", "Cache-Control")}


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
        description="Look domains up, watch changes and the pipeline's rates. The lookup works"
        " without scripts: the form requests this path. The files at `/static/` are part of the"
        " page and may change with it.",
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


def _get_file(name: str, summary: str, *, data_images: bool = False) -> Json:
    kept = {**_secured(data_images=data_images), **_REVALIDATED}
    page = answered("The page.", "text/html", _TEXT, headers=kept)
    return operation(
        "people",
        name,
        summary,
        {"200": page, "304": not_modified(kept)},
        parameters=[IF_NONE_MATCH],
    )


PAGES: Json = {
    "/": {"get": _get_page()},
    "/operators": {"get": _get_file("getOperatorsPage", "The state of every process")},
    "/docs": {"get": _get_file("getDocs", "The APIs of both tiers, to read", data_images=True)},
    PATH: {
        "get": operation(
            "people",
            "getIngestDocument",
            "The API of the ingest tier",
            document_answers("The document of an ingest node, in OpenAPI 3.1.", _DOCUMENT_HEADERS),
            [refusal(Problem.NO_INGEST_NODE)],
            description="As an ingest node serves it, at most five minutes ago.",
            parameters=[IF_NONE_MATCH],
        )
    },
}


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
