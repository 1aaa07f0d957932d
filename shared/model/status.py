"""Classify a domain by its counters: the business rule."""

from dataclasses import dataclass
from enum import StrEnum

from shared.model.counter import Counters

DEFAULT_THRESHOLD = 1000


class Status(StrEnum):
    """What the counters prove about a domain."""

    CATCH_ALL = "catch-all"
    NOT_CATCH_ALL = "not catch-all"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """The reason for a status."""

    MORE_THAN_THRESHOLD_DELIVERED = "more_than_threshold_delivered"
    BOUNCED = "bounced"
    NOT_ENOUGH_DATA = "not_enough_data"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A status and its reason."""

    status: Status
    reason: Reason


_NOT_CATCH_ALL = Verdict(Status.NOT_CATCH_ALL, Reason.BOUNCED)
_CATCH_ALL = Verdict(Status.CATCH_ALL, Reason.MORE_THAN_THRESHOLD_DELIVERED)
_UNKNOWN = Verdict(Status.UNKNOWN, Reason.NOT_ENOUGH_DATA)


def classify(counters: Counters, threshold: int = DEFAULT_THRESHOLD) -> Verdict:
    """Return what *counters* prove.

    One bounce makes a domain "not catch-all" for good, however much was delivered.
    "catch-all" needs *more* than ``threshold`` deliveries; exactly ``threshold`` is "unknown".
    """
    if counters.bounced > 0:
        return _NOT_CATCH_ALL
    if counters.delivered > threshold:
        return _CATCH_ALL
    return _UNKNOWN
