"""The answer for one domain: its counters and its status, as customers receive them. Pure."""

from typing import Annotated

import msgspec
from msgspec import Meta

from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.message_fields import OneDomain
from shared.model.status import Reason, Status, classify

Count = Annotated[int, Meta(ge=0)]


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The status of one domain."""

    domain: OneDomain
    status: Annotated[Status, Meta(description=f"`{Status.NOT_CATCH_ALL}` is final.")]
    delivered: Annotated[Count, Meta(description="Messages that were delivered.")]
    bounced: Annotated[Count, Meta(description="Messages that bounced.")]
    threshold: Annotated[
        int, Meta(description="A catch-all domain has more deliveries than this, and no bounce.")
    ]
    reason: Annotated[Reason, Meta(description="Why the status is what it is.")]

    @property
    def is_final(self) -> bool:
        """Whether no event can change the status: a bounce is never undone."""
        return self.status is Status.NOT_CATCH_ALL


def answer_of(domain: DomainName, counters: Counters, threshold: int) -> Answer:
    """Return the answer for *domain* with these *counters*."""
    verdict = classify(counters, threshold)
    return Answer(
        domain, verdict.status, counters.delivered, counters.bounced, threshold, verdict.reason
    )
