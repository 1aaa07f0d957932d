"""Read SparkPost's webhooks. Pure.

https://developers.sparkpost.com/api/webhooks/ : an array of events, each in ``msys``. The request
has the user name and the password, or the OAuth 2.0 token, of the webhook. SparkPost takes 200 for
success, and repeats all else for eight hours.
"""

import msgspec

from ingest.adapters.postmark import basic
from ingest.adapters.proofs import check_secret
from ingest.adapters.webhook import Item, Reading, Webhook, decode
from shared.model.verdict import Report

_INVALID_RECIPIENT, _NO_RECIPIENT = 10, 30
"""Classes of bounces (https://support.sparkpost.com/docs/deliverability/bounce-classification-codes).
Others: undetermined, soft, DNS, full, expired, suppressed, blocked, auto-replies."""


class _Event(msgspec.Struct):
    type: str = ""
    rcpt_to: str = ""
    raw_rcpt_to: str = ""
    event_id: str | int = ""
    bounce_class: str | int | None = None
    raw_reason: str | None = None
    reason: str | None = None
    error_code: str | int | None = None


class _Element(msgspec.Struct):
    msys: dict[str, _Event]
    """By the class of the event; empty where SparkPost tries the address out."""


class SparkPost:
    """The webhooks that come with these credentials, or with this token."""

    challenge = 'Basic realm="sparkpost"'

    def __init__(self, credentials: str | None, token: str | None) -> None:
        self._accepted = [basic(credentials)] if credentials is not None else []
        if token is not None:
            self._accepted.append(f"Bearer {token}")

    def read(self, webhook: Webhook) -> Reading:
        """Return the reports of *webhook*, as ``Adapter`` says."""
        check_secret(webhook.headers.get("Authorization", ""), self._accepted)
        elements = decode(webhook.body, list[_Element])
        events = [event for element in elements for event in element.msys.values()]
        return Reading(
            [_item(each) for each in events if each.type in {"delivery", "bounce", "out_of_band"}]
        )


def _item(event: _Event) -> Item:
    bounce_class = str(event.bounce_class)
    code = str(event.error_code or "")
    report = Report(
        event.rcpt_to or event.raw_rcpt_to,
        delivered=event.type == "delivery",
        permanent=bounce_class in {str(_INVALID_RECIPIENT), str(_NO_RECIPIENT)},
        no_such_recipient=bounce_class == str(_INVALID_RECIPIENT),
        text=event.raw_reason or event.reason or "",
        smtp_code=int(code) if code.isdecimal() else None,
    )
    return Item(report, str(event.event_id))
