"""Sign bodies as each mail provider signs them, with keys made for the tests."""

import base64
import hashlib
import hmac
import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import trustme
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

Json = dict[str, Any]
Sent = tuple[bytes, dict[str, str]]
CORPUS = Path(__file__).with_name("corpus")
PROVIDERS = ("mailgun", "ses", "sendgrid", "postmark", "sparkpost", "postal")
TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events"
CERTIFICATE_URL = (
    "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
)
SIGNING_KEY = "a-signing-key-of-mailgun"
CREDENTIALS = "hooks:pass:word"
TOKEN = "a-token-of-sparkpost"  # noqa: S105 a secret made for the tests


@dataclass(frozen=True, slots=True)
class Sample:
    """One body, and what each report in it counts as."""

    about: str
    verdicts: list[str]
    body: Any


def samples(provider: str) -> list[Sample]:
    """Return the corpus of *provider*."""
    entries = json.loads((CORPUS / f"{provider}.json").read_text(encoding="utf-8"))
    return [Sample(**entry) for entry in entries]


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2048)


@cache
def _ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def _certificate() -> trustme.LeafCert:
    return trustme.CA(key_type=trustme.KeyType.RSA).issue_cert(
        "sns.amazonaws.com",
        key_type=trustme.KeyType.RSA,
        not_after=datetime(2040, 1, 1, tzinfo=UTC),
    )


def certificate_pem() -> bytes:
    """Return the certificate of SNS."""
    return _certificate().cert_chain_pems[0].bytes()


def _base64_key(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


def environment(folder: Path) -> dict[str, str]:
    """Return settings that switch all providers on; files go to *folder*."""
    certificate = folder / "sns.pem"
    certificate.write_bytes(certificate_pem())
    postmark = folder / "postmark"
    postmark.write_text(f"{CREDENTIALS}\n", encoding="utf-8")
    return {
        "INGEST_WEBHOOK_MAILGUN_SIGNING_KEY": SIGNING_KEY,
        "INGEST_WEBHOOK_SES_TOPICS": f"{TOPIC}, {TOPIC}-2",
        "INGEST_WEBHOOK_SES_CERTIFICATE_FILE": str(certificate),
        "INGEST_WEBHOOK_SENDGRID_PUBLIC_KEY": _base64_key(_ec_key()),
        "INGEST_WEBHOOK_POSTMARK_CREDENTIALS_FILE": str(postmark),
        "INGEST_WEBHOOK_SPARKPOST_CREDENTIALS": CREDENTIALS,
        "INGEST_WEBHOOK_SPARKPOST_TOKEN": TOKEN,
        "INGEST_WEBHOOK_POSTAL_PUBLIC_KEY": _base64_key(_rsa_key()),
    }


def send_mailgun(body: Json, now: float, *, parent: bool = False) -> Sent:
    """Return *body* with its signature, perhaps as an event of a subaccount."""
    signature = {"token": secrets.token_hex(25), "timestamp": str(int(now))}
    signed = f"{signature['timestamp']}{signature['token']}".encode()
    digest = hmac.new(SIGNING_KEY.encode(), signed, hashlib.sha256).hexdigest()
    signature |= (
        {"signature": "0" * 64, "parent-signature": digest} if parent else {"signature": digest}
    )
    return json.dumps({"signature": signature, **body}).encode(), {}


def send_ses(body: object, now: float, version: str = "2", **fields: str) -> Sent:
    """Return *body* as the message of an envelope of SNS, with *fields* replaced."""
    moment = datetime.fromtimestamp(now, UTC)
    message = body if isinstance(body, str) else json.dumps(body)
    envelope = {
        "Type": "Notification",
        "MessageId": str(uuid.uuid5(uuid.NAMESPACE_URL, message)),
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.675Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL,
        "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
        **fields,
    }
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn"]
    text = "".join(f"{n}\n{envelope[n]}\n" for n in [*names, "Type"] if n in envelope)
    key = load_pem_private_key(_certificate().private_key_pem.bytes(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    algorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303 as SNS signs
    signature = key.sign(text.encode(), padding.PKCS1v15(), algorithm)
    envelope["Signature"] = base64.b64encode(signature).decode()
    return json.dumps(envelope).encode(), {"Content-Type": "text/plain; charset=UTF-8"}


def send_sendgrid(body: object, now: float) -> Sent:
    """Return *body* with the headers of its signature."""
    data, timestamp = json.dumps(body).encode(), str(int(now))
    signature = _ec_key().sign(timestamp.encode() + data, ec.ECDSA(hashes.SHA256()))
    return data, {
        "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
        "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
    }


def _basic(credentials: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"}


def send_postmark(body: object, _: float) -> Sent:
    """Return *body* with the credentials of the webhook's address."""
    return json.dumps(body).encode(), _basic(CREDENTIALS)


def send_sparkpost(body: object, _: float, *, oauth: bool = False) -> Sent:
    """Return *body* with credentials, or with a token."""
    headers = {"Authorization": f"Bearer {TOKEN}"} if oauth else _basic(CREDENTIALS)
    return json.dumps(body).encode(), headers


def send_postal(body: Json, now: float, *, sha1: bool = False) -> Sent:
    """Return *body*, created now, with its signature: of older versions only SHA-1."""
    data = json.dumps({**body, "timestamp": now}).encode()
    old = _rsa_key().sign(data, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303 as Postal signs
    new = _rsa_key().sign(data, padding.PKCS1v15(), hashes.SHA256())
    headers = {"X-Postal-Signature": base64.b64encode(old).decode()}
    return data, headers if sha1 else headers | {
        "X-Postal-Signature-256": base64.b64encode(new).decode()
    }


SENDERS: dict[str, Callable[[Any, float], Sent]] = {
    "mailgun": send_mailgun,
    "ses": send_ses,
    "sendgrid": send_sendgrid,
    "postmark": send_postmark,
    "sparkpost": send_sparkpost,
    "postal": send_postal,
}
"""By provider: sign a body at a time, in seconds since 1970."""
