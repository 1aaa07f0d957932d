"""Describe the pages that a query node has for people in the words of OpenAPI 3.1."""

from query.page.static_files import security_headers
from shared.auth.api_keys import Scope
from shared.openapi.auth import KEY_STATUSES, need_key
from shared.openapi.responses import (
    ETAG,
    IF_NONE_MATCH,
    NO_STORE,
    Json,
    answering,
    not_modified,
    refusing,
)
from shared.openapi.schemas import ANY_SPELLING

_TEXT: Json = {"type": "string"}


def _always(value: str) -> Json:
    return {"required": True, "schema": {"const": value}}


def _secured(*, data_images: bool = False) -> Json:
    headers = security_headers(data_images=data_images)
    return {name: _always(value) for name, value in headers.items()}


def _revalidated(secured: Json) -> Json:
    return {
        **secured,
        "ETag": ETAG,
        "Cache-Control": {**_always("no-cache"), "description": "Kept, but asked for each time."},
        "Vary": _always("Accept-Encoding"),
    }


def _get_page() -> Json:
    refusals = refusing()
    for status, when in {
        "400": "As HTML: `domain` is no mail domain, and the page says why.",
        "503": "As HTML: the domain cannot be answered for now, and the page says why.",
    }.items():
        refusals[status]["description"] += f"\n\n{when}"
        refusals[status]["content"] |= {"text/html": {"schema": _TEXT}}
    kept = _revalidated(_secured())
    page = answering(
        "The page, with the answer in it if there was a question.",
        "text/html",
        _TEXT,
        headers={
            **_secured(),
            "ETag": {**ETAG, "required": False},
            "Vary": {**kept["Vary"], "required": False},
            "Cache-Control": {
                "description": "`no-store` where there is an answer in it.",
                "required": True,
                "schema": {"enum": ["no-cache", NO_STORE["schema"]["const"]]},
            },
        },
    )
    return {
        "tags": ["people"],
        "operationId": "getPage",
        "summary": "The page",
        "description": "Look a domain up, watch changes and the pipeline. It works without a script"
        " too: the form asks for this path. What it needs beside is at `/static/`, whose files are"
        " a part of the page and may change with it.",
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
        "responses": {"200": page, "304": not_modified(kept), **refusals},
    }


def _get_docs() -> Json:
    kept = _revalidated(_secured(data_images=True))
    return {
        "tags": ["people"],
        "operationId": "getDocs",
        "summary": "This document, to be read and tried",
        "parameters": [IF_NONE_MATCH],
        "responses": {
            "200": answering("The page.", "text/html", _TEXT, headers=kept),
            "304": not_modified(kept),
            **refusing(),
        },
    }


PAGES: Json = {"/": {"get": _get_page()}, "/docs": {"get": _get_docs()}}


def need_key_to_look_up(item: Json) -> Json:
    """Return the page of a node that asks for keys: without a question it is for everybody."""
    needing = need_key("/", item, Scope.QUERY)
    operation = needing["get"]
    responses = dict(operation["responses"])
    for status in KEY_STATUSES:
        refusal = responses[status]
        html = {"text/html": {"schema": _TEXT}}
        when = f"{refusal['description']}\n\nAs HTML: there was a question."
        headers = {**refusal["headers"], **_secured()}
        responses[status] = {"description": when, "headers": headers, "content": html}
    return {"get": {**operation, "security": [{}, *operation["security"]], "responses": responses}}
