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

_lines = st.fixed_dictionaries(
    {"domain": st.sampled_from(MAIL_DOMAINS), "event": st.sampled_from(["delivered", "bounced"])},
    optional={"count": st.integers(1, 1_000_000) | st.just(3.0), "id": st.just("a:b")},
)
schemathesis.openapi.format(
    "event-lines", st.lists(_lines, min_size=1).map(lambda lines: "\n".join(map(json.dumps, lines)))
)


@schemathesis.serializer("application/x-ndjson")
def serialize_lines(_: schemathesis.SerializationContext, value: object) -> bytes:
    """Send text unchanged, and any other value as one line of JSON."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode()
