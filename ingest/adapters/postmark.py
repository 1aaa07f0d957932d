"""Read Postmark's webhooks. Pure.

https://postmarkapp.com/developer/webhooks/webhooks-overview : one record a request, with the user
name and the password that the address of the webhook contains. Postmark takes 200 for success, and
repeats all else for hours.
"""

from base64 import b64encode

import msgspec

from ingest.adapters.proofs import check_secret
from ingest.adapters.webhook import Item, Reading, Webhook, decode
from shared.model.verdict import Report

_HARD_BOUNCE = 1
"""The ``TypeCode`` of an unknown recipient. Others: auto-reply, DNS, spam, blocks, suppression."""


class _Record(msgspec.Struct, rename="pascal"):
    record_type: str = ""
    id: int | None = msgspec.field(name="ID", default=None)
    type_code: int | None = None
    message_id: str = msgspec.field(name="MessageID", default="")
    email: str = ""
    recipient: str = ""
    details: str | None = None


def basic(credentials: str) -> str:
    """Return the header ``Authorization`` for *credentials*, ``user:password`` (RFC 7617)."""
    return f"Basic {b64encode(credentials.encode()).decode()}"


class Postmark:
    """The webhooks that come with these credentials, ``user:password``."""

    challenge = 'Basic realm="postmark"'

    def __init__(self, credentials: str) -> None:
        self._accepted = [basic(credentials)]

    def read(self, webhook: Webhook) -> Reading:
        """Return the reports of *webhook*, as ``Adapter`` says."""
        check_secret(webhook.headers.get("Authorization", ""), self._accepted)
        return Reading(_items(decode(webhook.body, _Record)))


def _items(record: _Record) -> list[Item]:
    match record.record_type:
        case "Delivery":
            return [Item(Report(record.recipient, delivered=True), record.message_id)]
        case "Bounce":
            report = Report(
                record.email,
                permanent=record.type_code == _HARD_BOUNCE,
                # Not ``Description``, which says for each hard bounce: "ex: unknown user".
                text=record.details or "",
            )
            return [Item(report, str(record.id))]
        case _:
            return []
