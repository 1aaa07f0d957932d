"""Read Mailgun's webhooks. Pure.

https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/ : one event a request. The body
has a ``signature`` of a timestamp and a token, but not of the event: a token proves one body.
Mailgun takes 200 for success, gives up at 406, and repeats all else for eight hours, except a
*delivered*, which it never repeats.
"""

import hashlib
import hmac
from typing import Annotated

import msgspec
from msgspec import Meta

from ingest.adapters.proofs import check_fresh, check_secret
from ingest.adapters.webhook import Item, Reading, Token, Webhook, decode
from shared.model.verdict import Report

_REASONS = {"bounce", "hardfail"}
"""Of permanent failures. Not these: ``suppress-...``: Mailgun replays an earlier failure; ``old``:
it tried for too long; ``generic``: it does not say."""


class _Signature(msgspec.Struct, rename="kebab"):
    timestamp: Annotated[str, Meta(pattern="^[0-9]{1,12}$")] | int
    token: Annotated[str, Meta(min_length=1, max_length=200)]
    signature: str
    parent_signature: str = ""
    """By the key of the main account, if the event is one of a subaccount."""


class _DeliveryStatus(msgspec.Struct, rename="kebab"):
    code: int | str | None = None
    message: str | None = None
    description: str | None = None
    enhanced_code: str | None = None


class _Envelope(msgspec.Struct):
    targets: str | None = None


class _EventData(msgspec.Struct, rename="kebab"):
    event: str
    id: str = ""
    recipient: str = ""
    severity: str | None = None
    reason: str | None = None
    delivery_status: _DeliveryStatus | None = None
    envelope: _Envelope | None = None


class _Body(msgspec.Struct, rename="kebab"):
    signature: _Signature
    event_data: _EventData


class Mailgun:
    """The webhooks of an account with this HTTP webhook signing key."""

    challenge = 'Signature realm="mailgun"'

    def __init__(self, signing_key: str, fresh_seconds: float) -> None:
        self._signing_key = signing_key.encode()
        self._fresh_seconds = fresh_seconds

    def read(self, webhook: Webhook) -> Reading:
        """Return the reports of *webhook*, as ``Adapter`` says."""
        body = decode(webhook.body, _Body)
        signed = body.signature
        message = f"{signed.timestamp}{signed.token}".encode()
        expected = hmac.new(self._signing_key, message, hashlib.sha256).hexdigest()
        check_secret(expected, [signed.signature, signed.parent_signature])
        signed_at = float(signed.timestamp)
        check_fresh(signed_at, webhook.now, self._fresh_seconds)
        return Reading(_items(body.event_data), Token(signed.token, signed_at))


def _items(event: _EventData) -> list[Item]:
    if event.event not in {"delivered", "failed"}:
        return []
    status = event.delivery_status or _DeliveryStatus()
    code = str(status.code or "")
    targets = (event.envelope and event.envelope.targets) or ""
    report = Report(
        event.recipient,
        delivered=event.event == "delivered",
        permanent=event.severity == "permanent" and event.reason in _REASONS,
        text=f"{status.message or ''}\n{status.description or ''}",
        smtp_code=int(code) if code.isdecimal() else None,
        status=status.enhanced_code or "",
        sent_to=tuple(target.strip() for target in targets.split(",") if target.strip()),
    )
    return [Item(report, event.id)]
