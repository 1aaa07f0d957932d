"""Say what is known of a domain, as customers get it."""

import msgspec

from shared.model.counter import Counters
from shared.model.domain import DomainName
from shared.model.status import Reason, Status, classify


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What is known of a domain; its fields are those of the JSON object."""

    domain: DomainName
    status: Status
    delivered: int
    bounced: int
    threshold: int
    reason: Reason

    @property
    def is_final(self) -> bool:
        """Whether no event can change the status: a bounce is never taken back."""
        return self.status is Status.NOT_CATCH_ALL


def answer_of(domain: DomainName, counters: Counters, threshold: int) -> Answer:
    """Return the answer that *counters* give."""
    verdict = classify(counters, threshold)
    return Answer(
        domain, verdict.status, counters.delivered, counters.bounced, threshold, verdict.reason
    )
