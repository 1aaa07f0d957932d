"""Read Amazon SES's notifications, which Amazon SNS delivers. Pure.

https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html and
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html : SNS signs some
fields of its envelope. The certificate is at an address in the envelope, so only an address of SNS
in the region of a configured topic is accepted. SNS takes any 2xx for success, and repeats all else
for about an hour.
"""

import calendar
import re
from collections.abc import Collection
from functools import partial

import msgspec
from cryptography import x509

from ingest.adapters.proofs import check_fresh, unproven
from ingest.adapters.signatures import PublicKey, check_signature
from ingest.adapters.webhook import CertificateNeededError, Item, Reading, Webhook, decode
from shared.model.verdict import Report

_MAX_CERTIFICATES = 16
_CONFIRMATION = "SubscriptionConfirmation"
# The fields that SNS signs, in the order of its text.
_OF_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_OF_CONFIRMATION = (
    "Message",
    "MessageId",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
_ARN = re.compile(r"arn:(?:aws|aws-cn|aws-us-gov):sns:([a-z0-9-]{1,32}):\d{12}:[\w.-]{1,256}")
_CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[0-9A-Za-z]{1,64}\.pem")
_TIMESTAMP = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?Z")


class _Envelope(msgspec.Struct, rename="pascal"):
    """The message of SNS; field names as it spells them."""

    type: str
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    signature_version: str
    signature: str
    signing_cert_url: str = msgspec.field(name="SigningCertURL")
    subject: str | None = None
    token: str | None = None
    subscribe_url: str | None = msgspec.field(name="SubscribeURL", default=None)


class _Recipient(msgspec.Struct, rename="camel"):
    email_address: str
    status: str | None = None
    diagnostic_code: str | None = None


class _Bounce(msgspec.Struct, rename="camel"):
    bounce_type: str
    bounce_sub_type: str
    bounced_recipients: list[_Recipient]


class _Delivery(msgspec.Struct):
    recipients: list[str]


class _Mail(msgspec.Struct):
    destination: list[str] = []


class _Notification(msgspec.Struct, rename="camel"):
    event_type: str = ""
    notification_type: str = ""
    """The name of the same field where events are not published but notified."""
    mail: _Mail = msgspec.field(default_factory=_Mail)
    bounce: _Bounce | None = None
    delivery: _Delivery | None = None


def is_topic_arn(text: str) -> bool:
    """Whether *text* names a topic of SNS."""
    return _ARN.fullmatch(text) is not None


class Ses:
    """The notifications of these topics.

    ``read`` also raises CertificateNeededError. With *pinned* (PEM), that certificate is used and
    no other. With *confirm*, a reading names where to confirm a subscription to one of the topics.

    A certificate is kept once it has proven a request: a forger may name any of SNS's certificates,
    and must not replace the one in use.
    """

    challenge = 'Signature realm="ses"'

    def __init__(
        self,
        topic_arns: Collection[str],
        fresh_seconds: float,
        *,
        confirm: bool = False,
        pinned: bytes | None = None,
    ) -> None:
        self._topic_arns = frozenset(topic_arns)
        self._fresh_seconds = fresh_seconds
        self._confirm = confirm
        self._pinned = None if pinned is None else x509.load_pem_x509_certificate(pinned)
        self._certificates: dict[str, x509.Certificate] = {}

    def read(self, webhook: Webhook) -> Reading:
        """Return the reports of *webhook*, as ``Adapter`` says."""
        return self._read(webhook, None)

    def _read(self, webhook: Webhook, pem: bytes | None) -> Reading:
        envelope = decode(webhook.body, _Envelope)
        if envelope.topic_arn not in self._topic_arns:
            raise unproven()
        check_fresh(_seconds(envelope.timestamp), webhook.now, self._fresh_seconds)
        if envelope.signature_version not in {"1", "2"}:
            raise unproven()
        host, url = _host_of(envelope.topic_arn), envelope.signing_cert_url
        _check_certificate_url(url, host)
        certificate = self._pinned or self._certificates.get(url)
        if certificate is None:
            if pem is None:
                raise CertificateNeededError(url, partial(self._read, webhook))
            certificate = _certificate(pem)
        sha1 = envelope.signature_version == "1"
        key = _key(certificate, webhook.now)
        check_signature(key, envelope.signature, _signed_text(envelope), sha1=sha1)
        self._keep(url, certificate)
        if envelope.type == "Notification":
            return Reading(_items(envelope))
        if envelope.type == _CONFIRMATION and self._confirm:
            return Reading(confirm_url=_confirm_url(envelope, host))
        return Reading()

    def _keep(self, url: str, certificate: x509.Certificate) -> None:
        if len(self._certificates) >= _MAX_CERTIFICATES and url not in self._certificates:
            del self._certificates[next(iter(self._certificates))]
        self._certificates[url] = certificate


def _check_certificate_url(url: str, host: str) -> None:
    prefix = f"https://{host}"
    if not url.startswith(prefix) or not _CERTIFICATE_PATH.fullmatch(url[len(prefix) :]):
        raise unproven()


def _certificate(pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise unproven() from error


def _key(certificate: x509.Certificate, now: float) -> PublicKey:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    key = certificate.public_key()
    if not (begins.timestamp() <= now <= ends.timestamp() and isinstance(key, PublicKey)):
        raise unproven()
    return key


def _host_of(topic_arn: str) -> str:
    """Return the host of SNS in the region of *topic_arn*."""
    found = _ARN.fullmatch(topic_arn)
    if found is None:
        raise unproven()
    china = ".cn" if topic_arn.startswith("arn:aws-cn:") else ""
    return f"sns.{found[1]}.amazonaws.com{china}"


def _signed_text(envelope: _Envelope) -> bytes:
    """Return the text that SNS signs: names and values of some fields, by name."""
    names = _OF_NOTIFICATION if envelope.type == "Notification" else _OF_CONFIRMATION
    values = msgspec.to_builtins(envelope)
    lines = [f"{name}\n{values[name]}\n" for name in names if values[name] is not None]
    return "".join(lines).encode("utf-8", "surrogatepass")


def _confirm_url(envelope: _Envelope, host: str) -> str:
    url = envelope.subscribe_url or ""
    if not url.startswith(f"https://{host}/?Action=ConfirmSubscription&"):
        raise unproven()
    return url


def _seconds(timestamp: str) -> float:
    found = _TIMESTAMP.fullmatch(timestamp)
    if found is None:
        raise unproven()
    parts = [int(part) for part in found.groups()]
    try:
        return float(calendar.timegm((*parts, 0, 0, 0)))
    except ValueError as error:  # the year 0 or the month 13
        raise unproven() from error


def _items(envelope: _Envelope) -> list[Item]:
    if not envelope.message.lstrip().startswith("{"):
        return []  # SES reports in words that it has validated the topic
    notification = decode(envelope.message.encode("utf-8", "surrogatepass"), _Notification)
    match notification.event_type or notification.notification_type:
        case "Delivery" if notification.delivery is not None:
            reports = [Report(each, delivered=True) for each in notification.delivery.recipients]
        case "Bounce" if notification.bounce is not None:
            sent_to = tuple(notification.mail.destination)
            reports = [
                _report(notification.bounce, each, sent_to)
                for each in notification.bounce.bounced_recipients
            ]
        case _:
            reports = []
    return [Item(report, envelope.message_id) for report in reports]


def _report(bounce: _Bounce, recipient: _Recipient, sent_to: tuple[str, ...]) -> Report:
    """Return the report on one recipient.

    Of the permanent bounces, ``Suppressed`` and ``OnAccountSuppressionList`` replay an earlier one,
    and ``General`` may be a policy: it counts only by its status.
    """
    permanent = bounce.bounce_type == "Permanent"
    return Report(
        recipient.email_address,
        permanent=permanent and bounce.bounce_sub_type in {"General", "NoEmail"},
        no_such_recipient=permanent and bounce.bounce_sub_type == "NoEmail",
        text=recipient.diagnostic_code or "",
        status=recipient.status or "",
        sent_to=sent_to,
    )
