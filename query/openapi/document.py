"""Describe the query tier's API in the words of OpenAPI 3.1."""

from query.config import ChangesSettings, QuerySettings
from query.lookup.answer_response import FOR_GOOD
from query.openapi.answers import NO_ANSWER, UNREAD, answer_schema, example_answer
from query.openapi.bulk import post_domains
from query.openapi.changes import changes_path
from query.openapi.page import PAGES, need_key_to_look_up
from query.openapi.pulse import PULSE_PATH, pulse_schemas
from shared.auth.api_keys import Scope
from shared.model.counter import Counters
from shared.openapi.auth import KEY_SCHEME, need_key
from shared.openapi.document import Documents, build_documents
from shared.openapi.responses import ETAG, IF_NONE_MATCH, Json, answering, not_modified, refusing
from shared.openapi.schemas import ANY_SPELLING, domain_refusals

_DESCRIPTION = """
Ask whether a mail domain accepts everything. It is *not catch-all* once one message to it bounced,
whatever was delivered, and stays so. It is *catch-all* if more messages than the threshold were
delivered and none bounced. Else it is *unknown*, as is a domain that was never seen.
"""


def build(settings: QuerySettings, changes: ChangesSettings, *, keys: bool) -> Documents:
    """Return the documents of a node with these settings, which asks for *keys* or runs open."""
    paths: Json = {
        "/domains/{domain}": {"get": _get_domain(settings.threshold)},
        "/domains": {"post": post_domains(settings.threshold)},
        "/changes": changes_path(changes, settings.threshold),
        "/pulse": PULSE_PATH,
    }
    pages = PAGES
    if keys:
        paths = {path: need_key(path, item, Scope.QUERY) for path, item in paths.items()}
        pages = {**PAGES, "/": need_key_to_look_up(PAGES["/"])}
    return build_documents(
        "catchall: ask for domains",
        _DESCRIPTION,
        {**paths, **pages},
        {"Answer": answer_schema(settings.threshold), "NoAnswer": NO_ANSWER, **pulse_schemas()},
        host=settings.http_host,
        ports=(settings.http_port, settings.management_port),
        needs="cassandra",
        schemes=KEY_SCHEME if keys else {},
    )


_KEPT: Json = {
    "ETag": ETAG,
    "Cache-Control": {
        "description": f"`{FOR_GOOD}` where the status is final: the answer may be kept for good,"
        " though its counts may grow. Any other is for a moment.",
        "required": True,
        "schema": {"type": "string", "pattern": f"^({FOR_GOOD}|max-age=[0-9]+)$"},
    },
}


def _get_domain(threshold: int) -> Json:
    asked = {
        "delivered": ("example.com", Counters(threshold + 204, 0)),
        "bounced": ("Example.ORG.", Counters(17, 1)),
        "never_seen": ("b\u00fccher.example", Counters(0, 0)),
    }
    return {
        "tags": ["traffic"],
        "operationId": "getDomain",
        "summary": "One domain",
        "parameters": [
            {
                "name": "domain",
                "in": "path",
                "required": True,
                "schema": ANY_SPELLING,
                "examples": {name: {"value": text} for name, (text, _) in asked.items()},
            },
            IF_NONE_MATCH,
        ],
        "responses": {
            "200": answering(
                "What is known of the domain.",
                "application/json",
                {"$ref": "#/components/schemas/Answer"},
                headers=_KEPT,
                examples={
                    name: {"value": example_answer(text, counters, threshold)}
                    for name, (text, counters) in asked.items()
                },
            ),
            "304": not_modified(_KEPT),
            **refusing({400: domain_refusals("/domains/{domain}")}, UNREAD),
        },
    }
