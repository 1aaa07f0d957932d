"""Read SendGrid's signed event webhooks. Pure.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event : an array of events. The
signature covers a timestamp and the body. SendGrid takes any 2xx for success, and repeats all else
for a day.
"""

import msgspec

from ingest.adapters.proofs import check_fresh, unproven
from ingest.adapters.signatures import PublicKey, check_signature
from ingest.adapters.webhook import Item, Reading, Webhook, decode
from shared.model.verdict import Report

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


class _Event(msgspec.Struct):
    event: str
    email: str = ""
    sg_event_id: str = ""
    # Customers' own arguments stand among these fields, so other events may have any type here.
    type: object = ""
    """Of a bounce: ``bounce``, or ``blocked`` for a refusal that is not about the recipient."""
    reason: object = ""
    """The reply of the server. The field ``status`` is not read: it may contradict the reply."""


class SendGrid:
    """The webhooks that the holder of this key signs."""

    challenge = 'Signature realm="sendgrid"'

    def __init__(self, key: PublicKey, fresh_seconds: float) -> None:
        self._key = key
        self._fresh_seconds = fresh_seconds

    def read(self, webhook: Webhook) -> Reading:
        """Return the reports of *webhook*, as ``Adapter`` says."""
        timestamp = webhook.headers.get(TIMESTAMP, "")
        if not (timestamp.isascii() and timestamp.isdecimal()):
            raise unproven()
        signature = webhook.headers.get(SIGNATURE, "")
        check_signature(self._key, signature, timestamp.encode() + webhook.body)
        check_fresh(float(timestamp), webhook.now, self._fresh_seconds)
        events = decode(webhook.body, list[_Event])
        return Reading([_item(event) for event in events if event.event in {"delivered", "bounce"}])


def _item(event: _Event) -> Item:
    report = Report(
        event.email,
        delivered=event.event == "delivered",
        permanent=event.event == "bounce" and event.type in {"", "bounce"},
        text=event.reason if isinstance(event.reason, str) else "",
    )
    return Item(report, event.sg_event_id)
