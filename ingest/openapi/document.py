"""Describe the ingest tier's API."""

from ingest.admission import Admission
from ingest.config import IngestSettings
from ingest.handlers import MAX_IGNORED_BODY_BYTES
from ingest.openapi.bulk import bulk_schemas, post_events
from ingest.openapi.webhooks import post_webhook
from ingest.webhooks.handler import PATH
from shared.model.event import MAX_IDEMPOTENCY_KEY_LENGTH, EventKind
from shared.model.message_fields import IdempotencyKey
from shared.model.scope import Scope
from shared.openapi.access import require_key
from shared.openapi.document import Documents, build_documents
from shared.openapi.requests import no_parameters, parameter, path_domain
from shared.openapi.responses import Json, body_refusals, operation, refusal
from shared.openapi.schemas import domain_refusals
from shared.problems import Problem

_DESCRIPTION = f"""
Report what happened to each message: it was *delivered* to its domain, or it *bounced*.

A bounce makes a domain *not catch-all* for good. Report one only if the receiving server said that
the recipient does not exist (`5.1.1`), not for a full box, a block, a policy or a time-out. The
webhooks of mail providers make this distinction by themselves.

202 is sent only once the event is safe: every in-sync replica of Kafka has it. A request without an
answer, or with the answer 503 `outcome_unknown`, may have been counted. Send an event with an
idempotency key to be able to repeat it: the same key of the same domain and kind counts once within
the key window, whichever node receives it and whatever its count. The window is one hour unless the
operator has set another, or so many keys arrive that it must be shorter. A key is 1 to
{MAX_IDEMPOTENCY_KEY_LENGTH} visible ASCII characters.

Some HTTP clients silently send a request a second time when a connection ends without an
answer. aiohttp's repeats a `PUT`, even on a new connection. Go's repeats any request with an
`Idempotency-Key`, even a `POST`, on a connection that it has used before, and no `PUT` without
one. A key for each event (`id` for each line of a `POST`) makes all of this harmless.
"""
_NOT_STORED = (
    refusal(Problem.NODE_FULL, detail=Admission.FULL),
    refusal(Problem.BROKER_UNAVAILABLE),
    refusal(Problem.OUTCOME_UNKNOWN),
)


def build(settings: IngestSettings, *, keys: bool) -> Documents:
    """Return the documents of a node with these settings; *keys*: it requires API keys."""
    paths: Json = {
        "/events/{domain}/delivered": _put(
            EventKind.DELIVERED, "A message was delivered", "example.com", settings
        ),
        "/events/{domain}/bounced": _put(
            EventKind.BOUNCED, "A message bounced", "example.org", settings
        ),
        "/events": {"post": post_events(settings.body_seconds, _NOT_STORED)},
    }
    if keys:
        paths = {path: require_key(path, item, Scope.INGEST) for path, item in paths.items()}
    paths[PATH] = post_webhook(settings.body_seconds, _NOT_STORED)
    return build_documents(
        "catchall: report events",
        _DESCRIPTION,
        paths,
        bulk_schemas(),
        host=settings.http_host,
        ports=(settings.http_port, settings.management_port),
        dependency="kafka",
        keys=keys,
    )


def _put(kind: EventKind, summary: str, domain: str, settings: IngestSettings) -> Json:
    path = f"/events/{{domain}}/{kind}"
    target = path.format(domain=domain)
    too_large = {"target": target, "body": " ", "times": MAX_IGNORED_BODY_BYTES + 1}
    bad_key = {"target": target, "headers": {"Idempotency-Key": "two words"}}
    put = operation(
        "traffic",
        f"put{kind.capitalize()}",
        summary,
        {"202": {"description": "The event is safe. It will be counted."}},
        [
            *domain_refusals(path),
            refusal(Problem.INVALID_KEY, bad_key),
            no_parameters(target),
            *body_refusals(MAX_IGNORED_BODY_BYTES, settings.body_seconds, too_large),
            *_NOT_STORED,
        ],
        description="Report one event. The body is ignored; it may have"
        f" {MAX_IGNORED_BODY_BYTES:,} bytes.",
        parameters=[
            path_domain({"plain": domain, "international": f"b\u00fccher.{domain}"}),
            parameter("header", "Idempotency-Key", IdempotencyKey, {"plain": "message-20391"}),
        ],
    )
    return {"put": put}
