"""Describe the feed of changes."""

from typing import Annotated

from msgspec import Meta

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
from query.changes.route import LAST_EVENT_ID, MAX_RECENT, RECENT, RECENT_FORM
from query.config import ChangesSettings
from query.lookup.answer import answer_of
from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.openapi.requests import parameter
from shared.openapi.responses import (
    NO_STORE,
    Json,
    answered,
    constant,
    example_of,
    operation,
    refusal,
)
from shared.problems import Problem

_RETRY_MS = 1_000
_HEADERS: Json = {
    "Cache-Control": NO_STORE,
    "Connection": constant("close", "The stream ends with its connection."),
    "X-Accel-Buffering": constant("no", "nginx forwards events at once."),
}


def get_changes(settings: ChangesSettings, threshold: int) -> Json:
    """Return the operation that opens the feed."""
    stream = answered(
        "A stream that lasts until either side ends it.",
        TEXT_TYPE,
        # OpenAPI 3.1 leaves open whether this is the stream or each event; 3.2 has ``itemSchema``.
        {
            "type": ["string", "object"],
            "description": "The stream begins with a comment, and with the time in milliseconds"
            " after which to reconnect. An event has `data`, and perhaps a name.",
            "pattern": r"^: [^\n]+\nretry: [0-9]+\n\n",
            "properties": {
                "event": {"type": "string", "enum": ["recent", "late", "resync"]},
                "data": {"type": "string"},
            },
            "required": ["data"],
        },
        headers=_HEADERS,
        examples={"stream": example_of(_example(threshold), "/changes")},
    )
    bad_id = {"target": "/changes", "headers": {"Last-Event-ID": "now"}}
    return operation(
        "traffic",
        "getChanges",
        "Changes of status, as they happen",
        {"200": stream},
        [
            refusal(Problem.INVALID_LAST_EVENT_ID, bad_id),
            refusal(
                Problem.INVALID_PARAMETER,
                {"target": f"/changes?{RECENT}=all"},
                detail=Problem.INVALID_PARAMETER.explain(name=RECENT, form=RECENT_FORM),
            ),
        ],
        description=f"""
Server-sent events (HTML standard, 9.2), for instance for a browser's `EventSource`:

- An event without a name is a change of status. Its `data` is an answer as of
  `GET /domains/{{domain}}`. The changes of one domain arrive in order.
- `resync`: this client missed changes. Look up again the domains that matter. Its `data` has the
  reason: {", ".join(f"`{reason}`" for reason in ResyncReason)}.
- `recent`, only for a client that asks for it: the changes before it came, the newest last, as far
  as the node has them in memory. Each has the `answer` and the time of its event, `at`, in seconds
  since 1970.
- `late`: whether changes may be late, because a part of the system does not answer.

A comment is sent after {settings.heartbeat_seconds:g} seconds of silence. A stream ends after about
{settings.connection_seconds / 60:g} minutes, or when the node stops. Reconnect with
`Last-Event-ID`, to any node: what happened since then is sent first. A change may be sent twice
then. A client that leaves more than {settings.client_bytes:,} bytes unread is too slow, and its
stream ends. A node serves {settings.max_clients:,} clients.

A node that cannot serve a client now (it stops, it has not caught up, it is full) answers 200 too:
with a comment that says why, and the time after which to reconnect. After any other status a
browser's `EventSource` never reconnects.
""".strip(),
        parameters=[
            parameter(
                "header",
                "Last-Event-ID",
                Annotated[str, Meta(pattern=f"^({ID_PATTERN})?$")],
                description="The last `id` that was received. If it is empty or absent, the stream"
                " starts now.",
            ),
            parameter(
                "query",
                LAST_EVENT_ID,
                Annotated[str, Meta(pattern=f"^({ID_PATTERN})?$")],
                description="The same, for clients that cannot send the header. The header counts"
                " if both are sent.",
            ),
            parameter(
                "query",
                RECENT,
                Annotated[int, Meta(ge=1, le=MAX_RECENT)],
                description="Begin with so many changes from before, unless the stream resumes.",
            ),
        ],
    )


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
