"""Prove who sent a webhook: public keys and signatures. Pure.

Only the adapters that need it import this module: ``cryptography`` is slow to import.
"""

import binascii
from base64 import b64decode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from ingest.adapters.proofs import unproven

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


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
