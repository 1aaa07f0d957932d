"""The rule that customers ask for, at its edges."""

import pytest

from shared.model.counter import Counters
from shared.model.status import Reason, Status, Verdict, classify

UNKNOWN = Verdict(Status.UNKNOWN, Reason.NOT_ENOUGH_DATA)
CATCH_ALL = Verdict(Status.CATCH_ALL, Reason.MORE_THAN_THRESHOLD_DELIVERED)
NOT_CATCH_ALL = Verdict(Status.NOT_CATCH_ALL, Reason.BOUNCED)


@pytest.mark.parametrize(
    ("delivered", "bounced", "verdict"),
    [
        (0, 0, UNKNOWN),
        (1, 0, UNKNOWN),
        (999, 0, UNKNOWN),
        (1000, 0, UNKNOWN),
        (1001, 0, CATCH_ALL),
        (2**63 - 1, 0, CATCH_ALL),
        (0, 1, NOT_CATCH_ALL),
        (1000, 1, NOT_CATCH_ALL),
        (1001, 1, NOT_CATCH_ALL),
        (2**63 - 1, 1, NOT_CATCH_ALL),
        (0, 5000, NOT_CATCH_ALL),
    ],
)
def test_a_domain_has_the_status_that_its_counters_prove(
    delivered: int, bounced: int, verdict: Verdict
) -> None:
    """More than 1,000 deliveries and no bounce are a catch-all; one bounce decides."""
    assert classify(Counters(delivered, bounced)) == verdict


def test_another_threshold_moves_the_edge() -> None:
    """The threshold is a setting; exactly that number is still unknown."""
    assert classify(Counters(5, 0), threshold=5) == UNKNOWN
    assert classify(Counters(6, 0), threshold=5) == CATCH_ALL


def test_the_words_are_those_of_the_api() -> None:
    """Customers compare these texts."""
    assert set(Status) == {"catch-all", "not catch-all", "unknown"}
    assert set(Reason) == {"more_than_threshold_delivered", "bounced", "not_enough_data"}
