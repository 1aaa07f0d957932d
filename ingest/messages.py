"""What a bulk request and its answer hold; the API document shows the same types. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from shared.model.event import MAX_COUNT, EventKind
from shared.model.message_fields import AnyDomain, Code, Detail, IdempotencyKey

MAX_LINES = 5_000

LineNumber = Annotated[int, Meta(ge=1, le=MAX_LINES)]


class Line(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One line. Unknown fields are refused: a misspelt `count`, if ignored, would count wrong.

    A field that is given twice is refused too.
    """

    domain: AnyDomain
    event: Annotated[str, Meta(extra_json_schema={"enum": list(EventKind)})]
    count: Annotated[
        int,
        Meta(
            description="How many messages this line stands for.",
            extra_json_schema={"minimum": 1, "maximum": MAX_COUNT},
        ),
    ] = 1
    id: IdempotencyKey | None = None


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """Why a line was not accepted."""

    line: LineNumber
    code: Code
    detail: Detail


class BulkAnswer(msgspec.Struct, frozen=True, gc=False):
    """What became of the lines of a request."""

    accepted: Annotated[
        int,
        Meta(ge=0, le=MAX_LINES, description="How many lines are safe. They will be counted."),
    ]
    rejected: Annotated[
        list[Rejection],
        Meta(description="The lines that break a rule, in their order. Correct them."),
    ]


class PartialAnswer(BulkAnswer, frozen=True, gc=False):
    """What became of the lines of a request of which some could not be stored."""

    failed: Annotated[
        list[LineNumber],
        Meta(
            description="The lines that are not known to be safe. Send only these again. If it is"
            " absent, no line was accepted: send the whole request again."
        ),
    ]
