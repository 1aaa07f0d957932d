"""Signatures that others have made."""

import pytest

from ingest.adapters.signatures import check_signature, load_public_key
from shared.errors import InputError

# The vector of SendGrid's own library, @sendgrid/eventwebhook 7.2.6.
KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEDr2LjtURuePQzplybdC+u4CwrqDqBaWjcMMsTbhdbcwHBcepxo7yAQG"
    "hHPTnlvFYPAZFceEu/1FwCM/QmGUhA=="
)
SIGNATURE = (
    "MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSz"
    "oQsbVRamr2nlxFDWYNH2j/0="
)
TIMESTAMP = b"1588788367"
BODY = b'{"category":"example_payload","event":"test_event","message_id":"message_id"}'


@pytest.mark.parametrize(
    "key", [KEY, f"-----BEGIN PUBLIC KEY-----\n{KEY}\n-----END PUBLIC KEY-----\n"]
)
def test_a_signature_of_sendgrid_is_valid(key: str) -> None:
    """With the key as SendGrid shows it, or as PEM; of another body it is not."""
    check_signature(load_public_key(key), SIGNATURE, TIMESTAMP + BODY)
    with pytest.raises(InputError):
        check_signature(load_public_key(key), SIGNATURE, TIMESTAMP + BODY + b" ")
