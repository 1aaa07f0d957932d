"""What a lookup of many domains holds, and the errors in its answer. Pure.

The API document shows the same types.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from shared.model.message_fields import Code, Detail

MAX_DOMAINS = 1_000


class BulkLookup(msgspec.Struct, forbid_unknown_fields=True):
    """The domains of one request."""

    domains: Annotated[
        list[
            Annotated[
                str, Meta(description="A domain in any spelling. An invalid one gets an error.")
            ]
        ],
        Meta(extra_json_schema={"minItems": 1, "maxItems": MAX_DOMAINS}),
    ]


class Failure(msgspec.Struct, frozen=True):
    """A problem, by code and sentence."""

    code: Code
    detail: Detail


class NoAnswer(msgspec.Struct, frozen=True):
    """Why there is no answer for one of many domains."""

    domain: Annotated[
        str,
        Meta(
            description="The text that was sent, escaped and cut to 80 characters, if it is not a"
            " domain; else the domain in its one spelling."
        ),
    ]
    error: Failure
