"""Types of fields that several messages have, with what JSON schema can say of them. Pure.

The bounds are for the API documents alone: msgspec does not check ``extra_json_schema``, so the
parsers of this package do, and report a problem with its own code.
"""

from typing import Annotated

from msgspec import Meta

from shared.model.domain import MAX_LABEL_OCTETS, MAX_NAME_OCTETS, DomainName
from shared.model.event import IDEMPOTENCY_KEY_PATTERN, MAX_IDEMPOTENCY_KEY_LENGTH

AnyDomain = Annotated[
    str,
    Meta(
        description="A mail domain in any spelling: upper or lower case, with or without a final"
        f" dot, in any script. In its ASCII form it has at least two labels, each of 1 to"
        f" {MAX_LABEL_OCTETS} letters, digits and hyphens, and at most {MAX_NAME_OCTETS} octets.",
        extra_json_schema={
            "format": "mail-domain",
            "minLength": 3,
            "maxLength": MAX_NAME_OCTETS + 1,
        },
    ),
]
OneDomain = Annotated[
    DomainName,
    Meta(
        description="A domain in its one spelling: lower case, without a final dot, labels with"
        " other letters in their ASCII form (`xn--...`).",
        extra_json_schema={
            "pattern": r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*$",
            "maxLength": MAX_NAME_OCTETS,
        },
    ),
]
IdempotencyKey = Annotated[
    str,
    Meta(
        description="Names an event: the same key of the same domain and kind counts once within"
        " the key window (an hour by default), however often it is sent and whatever its count.",
        extra_json_schema={
            "pattern": f"^{IDEMPOTENCY_KEY_PATTERN}$",
            "maxLength": MAX_IDEMPOTENCY_KEY_LENGTH,
        },
    ),
]
Code = Annotated[str, Meta(description="The reason, for programs. It is stable.")]
Detail = Annotated[str, Meta(description="One sentence for people. It may change.")]
