"""Teach Schemathesis what a JSON schema cannot express."""

import json

import schemathesis
from hypothesis import strategies as st

_LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 57, "com"])
MAIL_DOMAINS = [
    "a.b",
    "a.b.",
    "example.com",
    "Example.COM",
    "xn--bcher-kva.example",
    "bücher.example",
    "例え。テスト",
    "１２３.ｅｘａｍｐｌｅ",  # noqa: RUF001 full-width on purpose
    "1-2--3.4.example",
    "example.a1",
    f"{'a' * 63}.com",
    _LONGEST[1:],
    _LONGEST,
    f"{_LONGEST}.",
]
"""Names at the edges of the rules. Random names are nearly all invalid: that takes minutes."""
schemathesis.openapi.format("mail-domain", st.sampled_from(MAIL_DOMAINS))


@schemathesis.serializer("application/x-ndjson")
def serialize_lines(_: schemathesis.SerializationContext, value: object) -> bytes:
    """Send text unchanged, and any other value as one line of JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode()
