"""Classify a domain by its counters: the rule that customers ask for."""

from dataclasses import dataclass
from enum import StrEnum

from shared.model.counter import Counters

DEFAULT_THRESHOLD = 1000


class Status(StrEnum):
    """What the counters prove."""

    CATCH_ALL = "catch-all"
    NOT_CATCH_ALL = "not catch-all"
    UNKNOWN = "unknown"


class Reason(StrEnum):
    """Why a status is what it is."""

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

    One bounce is enough for "not catch-all", whatever was delivered, and final.
    "catch-all" takes *more* than ``threshold`` deliveries: exactly as many are still unknown.
    """
    if counters.bounced > 0:
        return _NOT_CATCH_ALL
    if counters.delivered > threshold:
        return _CATCH_ALL
    return _UNKNOWN
