"""Describe the feed of changes in the words of OpenAPI 3.1."""

from query.changes.event_id import ID_PATTERN
from query.changes.event_stream import (
    HEARTBEAT,
    TEXT_TYPE,
    ResyncReason,
    encode_change,
    encode_data,
    encode_late,
    encode_preamble,
    encode_resync,
)
from query.config import ChangesSettings
from query.lookup.answer import answer_of
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.openapi.responses import NO_STORE, Json, Refusal, Refusals, answering, refusing

_RETRY_MS = 1_000
_HEADERS: Json = {
    "Cache-Control": NO_STORE,
    "Connection": {
        "description": "The stream ends with its connection.",
        "required": True,
        "schema": {"const": "close"},
    },
    "X-Accel-Buffering": {
        "description": "Tells nginx to pass events on as they come.",
        "required": True,
        "schema": {"const": "no"},
    },
}
_REFUSALS: Refusals = {
    400: {
        "invalid_last_event_id": Refusal(
            "`Last-Event-ID` is no `id` of this feed.",
            "Last-Event-ID is no id of an event of this feed.",
            {"target": "/changes", "headers": {"Last-Event-ID": "now"}},
        )
    },
    503: {
        "too_many_clients": Refusal(
            "As many listen to the node as may.", "As many listen here as may."
        ),
        "too_many_replays": Refusal(
            "The node reads past changes again for as many as it may.",
            "Too many come back at once.",
        ),
        "changes_unavailable": Refusal(
            "The node does not follow the changes yet.", "This node has no changes to tell yet."
        ),
        "node_stopping": Refusal(
            "The node is about to end.", "This node is stopping; another one goes on."
        ),
    },
}


def changes_path(settings: ChangesSettings, threshold: int) -> Json:
    """Return the path of the feed."""
    stream = answering(
        "A stream that lasts until either side ends it.",
        TEXT_TYPE,
        {
            "type": "string",
            "description": "It begins with a comment, and with after how many milliseconds to come"
            " back.",
            "pattern": r"^: [^\n]+\nretry: [0-9]+\n\n",
        },
        headers=_HEADERS,
        examples={"stream": {"value": _example(threshold), "x-request": {"target": "/changes"}}},
    )
    return {
        "get": {
            "tags": ["traffic"],
            "operationId": "getChanges",
            "summary": "Changes of status, as they happen",
            "description": f"""
Server-sent events (HTML standard, 9.2), for instance for a browser's `EventSource`:

- An event without a name is a change of status. Its `data` is an answer as of
  `GET /domains/{{domain}}`. The changes of one domain come in their order.
- `resync`: changes were lost for this client. Ask anew for the domains that matter. Its `data` has
  the reason: {", ".join(f"`{why}`" for why in ResyncReason)}.
- `late`: whether news may be late, as a part of the system does not answer.

A comment comes after {settings.heartbeat_seconds:g} seconds of silence. A stream ends after some
{settings.connection_seconds / 60:g} minutes, or when the node stops. Come back with
`Last-Event-ID`, to any node: what happened meanwhile comes first. A change may come twice then.
A client that leaves more than {settings.client_bytes:,} bytes unread is too slow, and its stream
ends. {settings.max_clients:,} clients may listen to a node.
""".strip(),
            "parameters": [
                {
                    "name": "Last-Event-ID",
                    "in": "header",
                    "description": "The `id` that came last. If it is empty or not there, the"
                    " stream starts now.",
                    "schema": {"type": "string", "pattern": f"^({ID_PATTERN})?$"},
                }
            ],
            "responses": {"200": stream, **refusing(_REFUSALS)},
        }
    }


def _example(threshold: int) -> str:
    domain = DomainName("example.com")
    catch_all = answer_of(domain, Counters(threshold + 1, 0), threshold)
    bounced = answer_of(domain, Counters(threshold + 9, 1), threshold)
    return b"".join(
        (
            encode_preamble(_RETRY_MS),
            encode_change((18, 4, 1), encode_data(catch_all)),
            HEARTBEAT,
            encode_change((19, 4, 1), encode_data(bounced)),
            encode_late(late=True),
            encode_resync((523, 4, 1), ResyncReason.TOO_FAR_BEHIND),
        )
    ).decode()
