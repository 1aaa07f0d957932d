"""Prove who sent a webhook: shared secrets, signatures, and how old they are. Pure.

Secrets are compared in constant time. Each function returns if the proof holds, and else raises
InputError with the same problem, so that a forger learns nothing.
"""

import binascii
import hmac
from base64 import b64decode
from collections.abc import Iterable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from shared.errors import InputError
from shared.problems import Problem

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
MAX_AHEAD_SECONDS = 300.0
"""How far the provider's clock may be ahead of ours."""


def unproven() -> InputError:
    """Return the refusal of a request whose origin is not proven."""
    return InputError(Problem.UNPROVEN_ORIGIN)


def check_fresh(signed_at: float, now: float, fresh_seconds: float) -> None:
    """Refuse what was signed more than *fresh_seconds* ago, or in the future."""
    # Written so that a time that is not a number is refused.
    if not now - fresh_seconds <= signed_at <= now + MAX_AHEAD_SECONDS:
        raise InputError(Problem.STALE_WEBHOOK, fresh_seconds=fresh_seconds)


def check_secret(presented: str, accepted: Iterable[str]) -> None:
    """Refuse a secret that is none of *accepted*."""
    sent = presented.encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(sent, each.encode()) for each in accepted]
    if not any(matches):  # after all comparisons: the time does not reveal which one matches
        raise unproven()


def check_signature(key: PublicKey, signature: str, signed: bytes, *, sha1: bool = False) -> None:
    """Refuse a *signature* (base64) of *signed* that is not by the holder of *key*.

    ECDSA, or RSA with the padding of PKCS #1 v1.5, over SHA-256 or else SHA-1.
    """
    algorithm: HashAlgorithm = SHA1() if sha1 else SHA256()  # noqa: S303 the provider's choice
    try:
        raw = b64decode(signature, validate=True)
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(raw, signed, padding.PKCS1v15(), algorithm)
        else:
            key.verify(raw, signed, ec.ECDSA(algorithm))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise unproven() from error


def load_public_key(text: str) -> PublicKey:
    """Return the public key in *text*: PEM, or the base64 of its DER form.

    Raises ValueError.
    """
    data = text.strip().encode()
    try:
        key = (
            load_pem_public_key(data)
            if data.startswith(b"-----")
            else load_der_public_key(b64decode(data, validate=True))
        )
    except (ValueError, TypeError, binascii.Error) as error:
        raise ValueError("it is not a public key (PEM, or the base64 of DER)") from error
    if not isinstance(key, PublicKey):
        raise ValueError("it is neither an RSA nor an elliptic curve key")  # noqa: TRY004
    return key
