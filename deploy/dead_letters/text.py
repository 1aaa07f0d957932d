"""Dead letters as text for operators. Bytes that strangers sent are escaped. Pure."""

import json

from deploy.dead_letters.ledger import DeadLetter

_MAX_LENGTH = 60


def summary(letter: DeadLetter) -> str:
    """Return *letter* on one line."""
    event = letter.event()
    topic_partition, offset = letter.origin
    if event is not None:
        content = f"now decodes: {event.domain} {event.kind} {event.count}"
    else:
        content = f"{letter.key!r:.{_MAX_LENGTH}} {letter.value!r:.{_MAX_LENGTH}}"
    return (
        f"{letter.offset}  {letter.state:8}  {topic_partition}@{offset}  "
        f"{letter.reason!a:.{_MAX_LENGTH}}  {content}"
    )


def details(letter: DeadLetter) -> str:
    """Return everything about *letter*, as JSON."""
    event = letter.event()
    fields = {
        "offset": letter.offset,
        "state": letter.state,
        "origin": letter.origin._asdict(),
        "reason": letter.reason,
        "key": repr(letter.key),
        "value": repr(letter.value),
        "cut": letter.cut,
        "this_version_reads": letter.decoding_error()
        if event is None
        else {
            "domain": event.domain,
            "event": event.kind,
            "count": event.count,
            "id": event.idempotency_key,
        },
    }
    return json.dumps(fields, indent=2)
