"""The answer for one domain: its counters and its status, as customers receive them. Pure."""

import msgspec

from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.status import Reason, Status, classify


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The status of one domain; the fields are those of the JSON object."""

    domain: DomainName
    status: Status
    delivered: int
    bounced: int
    threshold: int
    reason: Reason

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
