"""Describe the ingest tier's API in the words of OpenAPI 3.1."""

from ingest.config import IngestSettings
from ingest.handlers import MAX_IGNORED_BODY_BYTES
from ingest.openapi_bulk import INVALID_KEY, KEY, SCHEMAS, post_events
from shared.auth.api_keys import Scope
from shared.model.event import MAX_IDEMPOTENCY_KEY_LENGTH, EventKind
from shared.openapi.auth import KEY_SCHEME, need_key
from shared.openapi.document import Documents, build_documents
from shared.openapi.responses import (
    NODE_FULL,
    Json,
    Refusal,
    Refusals,
    body_refusals,
    refusing,
)
from shared.openapi.schemas import ANY_SPELLING, domain_refusals

_DESCRIPTION = f"""
Report what happened to each message: it was *delivered* to its domain, or it *bounced*.

202 is sent only once the event is safe: every in-sync replica of the log has it. A request that was
not answered, or was answered with 503 `outcome_unknown`, may have been counted. Name an event by a
key of your own to send it again without being counted twice: the same key of the same domain counts
once within ten minutes, whichever node gets it. A key is 1 to {MAX_IDEMPOTENCY_KEY_LENGTH}
visible ASCII characters.
"""


def build(settings: IngestSettings, *, keys: bool) -> Documents:
    """Return the documents of a node with these settings, which asks for *keys* or runs open."""
    paths: Json = {
        "/events/{domain}/delivered": {
            "put": _put(EventKind.DELIVERED, "A message was delivered", "example.com", settings)
        },
        "/events/{domain}/bounced": {
            "put": _put(EventKind.BOUNCED, "A message bounced", "example.org", settings)
        },
        "/events": {"post": post_events(settings.body_seconds, _UNSTORED)},
    }
    if keys:
        paths = {path: need_key(path, item, Scope.INGEST) for path, item in paths.items()}
    return build_documents(
        "catchall: report events",
        _DESCRIPTION,
        paths,
        SCHEMAS,
        host=settings.http_host,
        ports=(settings.http_port, settings.management_port),
        needs="kafka",
        schemes=KEY_SCHEME if keys else {},
    )


_UNSTORED: Refusals = {
    503: {
        "node_full": Refusal(NODE_FULL, "This node has as many events in flight as it may."),
        "broker_unavailable": Refusal(
            "The log cannot store the event for now. It was not stored.",
            "Kafka refused: NotEnoughReplicasError.",
        ),
        "outcome_unknown": Refusal(
            "The log did not say in time whether it has the event. It may be counted: send it again"
            " only if it has a key, or if an event too many does no harm.",
            "Kafka did not answer in time; it may have the event.",
        ),
    }
}


def _put(kind: EventKind, summary: str, domain: str, settings: IngestSettings) -> Json:
    target = f"/events/{{domain}}/{kind}"
    bad_key = {"target": target.format(domain=domain), "headers": {"Idempotency-Key": "two words"}}
    refusals: Refusals = {
        400: {
            **domain_refusals(target),
            "invalid_key": Refusal(
                INVALID_KEY,
                f"An idempotency key is 1 to {MAX_IDEMPOTENCY_KEY_LENGTH} visible ASCII"
                " characters.",
                bad_key,
            ),
        }
    }
    too_large = {
        "target": target.format(domain=domain),
        "body": " ",
        "times": MAX_IGNORED_BODY_BYTES + 1,
    }
    return {
        "tags": ["traffic"],
        "operationId": f"put{kind.capitalize()}",
        "summary": summary,
        "description": "Report one event. A body is not looked at; it may have"
        f" {MAX_IGNORED_BODY_BYTES:,} bytes.",
        "parameters": [
            {
                "name": "domain",
                "in": "path",
                "required": True,
                "description": "Where the message was sent to.",
                "schema": ANY_SPELLING,
                "examples": {
                    "plain": {"value": domain},
                    "international": {"value": f"b\u00fccher.{domain}"},
                },
            },
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "Names the event, so that it counts once however often it is sent.",
                "schema": KEY,
                "examples": {"plain": {"value": "message-20391"}},
            },
        ],
        "responses": {
            "202": {"description": "The event is safe, and will be counted."},
            **refusing(
                refusals,
                body_refusals(MAX_IGNORED_BODY_BYTES, settings.body_seconds, too_large),
                _UNSTORED,
            ),
        },
    }
