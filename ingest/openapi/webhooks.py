"""Describe the webhooks of mail providers."""

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta

from ingest.adapters.proofs import MAX_AHEAD_SECONDS
from ingest.bulk import MAX_BYTES
from shared.openapi.requests import parameter
from shared.openapi.responses import Json, Refusal, header, operation, refusal
from shared.problems import Problem

Provider = Annotated[
    Literal["mailgun", "ses", "sendgrid", "postmark", "sparkpost", "postal"],
    Meta(description="The mail provider. Its webhook is off unless the operators configured it."),
]
_DESCRIPTION = f"""
Give this address to a mail provider, and let it report deliveries and permanent failures. A report
counts as *delivered* if the receiving server took the message, and as *bounced* only if that server
said that the recipient does not exist: `5.1.1`, Exchange's `5.1.10` and `5.4.1`, or the provider's
class for it. Full boxes, blocks, policies, time-outs, suppression lists, auto-replies and forwarded
mail prove nothing, and are accepted without an event.

The request carries the provider's own proof of its origin, so it needs no API key. What was signed
longer ago than the node accepts (an hour by default), or more than {MAX_AHEAD_SECONDS:g} seconds in
the future, is refused. Each event has an idempotency key, so a repeated request counts once.

What providers do after another answer than 200: Mailgun repeats a failure for 8 hours, and never
repeats a *delivered*; Amazon SNS repeats for about an hour, SendGrid for a day, SparkPost for 8
hours, Postal five times in 36 minutes.
"""


def post_webhook(body_seconds: float, not_stored: Iterable[Refusal]) -> Json:
    """Return the operation; *not_stored* are the refusals of events that Kafka did not take."""
    post = operation(
        "traffic",
        "postWebhook",
        "Reports of a mail provider",
        {"200": {"description": "Every event that the request proves is safe."}},
        [
            refusal(Problem.MALFORMED_JSON, part="body", form="value in the form of this provider"),
            refusal(Problem.MALFORMED_BODY),
            refusal(Problem.UNPROVEN_ORIGIN),
            refusal(Problem.STALE_WEBHOOK, fresh_seconds=3600),
            refusal(Problem.UNKNOWN_PATH, {"target": "/webhooks/another"}),
            refusal(Problem.BODY_TOO_SLOW, seconds=body_seconds),
            refusal(Problem.BODY_TOO_LARGE, max_bytes=MAX_BYTES),
            refusal(Problem.UNSUPPORTED_ENCODING),
            refusal(Problem.CERTIFICATE_UNAVAILABLE),
            refusal(Problem.SUBSCRIPTION_UNCONFIRMED),
            *not_stored,
        ],
        description=_DESCRIPTION,
        parameters=[parameter("path", "provider", Provider)],
        requestBody={
            "required": True,
            "description": f"What the provider sends, of at most {MAX_BYTES:,} bytes.",
            "content": {"application/json": {"schema": {}}},
        },
    )
    post["responses"]["401"]["headers"]["WWW-Authenticate"] = header(
        "How this provider authenticates.", type="string"
    )
    return {"post": post}
