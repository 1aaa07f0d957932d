"""Dead letters as text for operators. Bytes that strangers sent are escaped. Pure."""

import json

from deploy.dead_letters.ledger import DeadLetter

_MAX_LENGTH = 60


def summary(letter: DeadLetter) -> str:
    """Return *letter* on one line."""
    events = letter.events()
    topic_partition, offset = letter.origin
    if len(events) == 1:
        content = "now decodes: {0.domain} {0.kind} {0.count}".format(*events)
    elif events:
        content = f"now decodes: {len(events)} domains"
    else:
        content = f"{letter.key!r:.{_MAX_LENGTH}} {letter.value!r:.{_MAX_LENGTH}}"
    return (
        f"{letter.offset}  {letter.state:8}  {topic_partition}@{offset}  "
        f"{letter.reason!a:.{_MAX_LENGTH}}  {content}"
    )


def details(letter: DeadLetter) -> str:
    """Return everything about *letter*, as JSON."""
    events = letter.events()
    fields = {
        "offset": letter.offset,
        "state": letter.state,
        "origin": letter.origin._asdict(),
        "reason": letter.reason,
        "key": repr(letter.key),
        "value": repr(letter.value),
        "cut": letter.cut,
        "this_version_reads": letter.decoding_error()
        or [
            {"domain": e.domain, "event": e.kind, "count": e.count, "id": e.idempotency_key}
            for e in events
        ],
    }
    return json.dumps(fields, indent=2)
