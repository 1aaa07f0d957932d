"""Read Postal's webhooks. Pure.

https://docs.postalserver.io/developer/webhooks and Postal's ``webhook_delivery_service.rb`` and
``signer.rb``: one event a request, signed by the key of the installation. Postal takes any 2xx for
success, and repeats all else five times within 36 minutes.
"""

import msgspec

from ingest.adapters.proofs import check_fresh
from ingest.adapters.signatures import PublicKey, check_signature
from ingest.adapters.webhook import Item, Reading, Webhook, decode
from shared.model.verdict import Report

SIGNATURE_SHA256 = "X-Postal-Signature-256"
SIGNATURE_SHA1 = "X-Postal-Signature"
"""Older versions sign with SHA-1 only."""


class _Message(msgspec.Struct):
    token: str = ""
    to: str = ""
    direction: str = ""


class _Payload(msgspec.Struct):
    status: str = ""
    output: str | None = None
    message: _Message | None = None
    """Absent from a *MessageBounced*, whose text is in another message: it proves nothing."""


class _Body(msgspec.Struct):
    timestamp: float
    """When the event was created; it is the same in each retry."""
    payload: _Payload = msgspec.field(default_factory=_Payload)


class Postal:
    """The webhooks of the installation with this key."""

    challenge = 'Signature realm="postal"'

    def __init__(self, key: PublicKey, fresh_seconds: float) -> None:
        self._key = key
        self._fresh_seconds = fresh_seconds

    def read(self, webhook: Webhook) -> Reading:
        """Return the reports of *webhook*, as ``Adapter`` says."""
        signature = webhook.headers.get(SIGNATURE_SHA256)
        if signature is not None:
            check_signature(self._key, signature, webhook.body)
        else:
            signature = webhook.headers.get(SIGNATURE_SHA1, "")
            check_signature(self._key, signature, webhook.body, sha1=True)
        body = decode(webhook.body, _Body)
        check_fresh(body.timestamp, webhook.now, self._fresh_seconds)
        return Reading(_items(body.payload))


def _items(payload: _Payload) -> list[Item]:
    message = payload.message
    if message is None or message.direction != "outgoing":
        return []  # incoming mail that Postal forwards to an endpoint
    if payload.status not in {"Sent", "HardFail"}:
        return []
    report = Report(
        message.to,
        delivered=payload.status == "Sent",
        permanent=payload.status == "HardFail",
        text=payload.output or "",
    )
    return [Item(report, f"{message.token}\n{payload.status}")]
