"""Read KumoMTA's log: a JSON object per line (docs.kumomta.com/reference/log_record). Pure.

Its files are compressed: ``zstdcat FILE | catchall ship --format kumomta -``.
"""

import json
from collections.abc import Iterator
from typing import Any

from client.event import Event
from client.logs.entry import (
    DEFERRED,
    EXPIRED,
    INSIDE,
    NOT_A_DELIVERY,
    OWN_DECISION,
    UNREADABLE,
    Skipped,
    entry_of,
    is_inside,
)
from shared.model.verdict import Report

_OTHERS = {"TransientFailure": DEFERRED, "Expiration": EXPIRED, "AdminBounce": OWN_DECISION}


def parse_line(line: str) -> Iterator[Event | Skipped]:
    """Yield what *line* says: an event or a reason for each recipient."""
    try:
        record = json.loads(line)
        kind = record["type"]
        # A list since a record may have several recipients.
        recipients = record["recipient"]
        recipients = [recipients] if isinstance(recipients, str) else list(recipients)
        if kind not in {"Delivery", "Bounce"}:
            yield _OTHERS.get(kind, NOT_A_DELIVERY)
            return
        peer = (record.get("peer_address") or {}).get("addr")
        response = record.get("response") or {}
        reports = [_report(kind, str(recipient), response) for recipient in recipients]
    except (ValueError, KeyError, TypeError, AttributeError):
        yield UNREADABLE
        return
    for report in reports:
        if peer is None:
            yield OWN_DECISION
        elif is_inside(peer):
            yield INSIDE
        else:
            yield entry_of(report, line)


def _report(kind: str, recipient: str, response: dict[str, Any]) -> Report:
    if kind == "Delivery":
        return Report(recipient, delivered=True)
    code = response.get("enhanced_code")
    return Report(
        recipient,
        permanent=True,
        smtp_code=int(response["code"]),
        status="" if code is None else f"{code['class']}.{code['subject']}.{code['detail']}",
        text=str(response.get("content", "")),
    )
