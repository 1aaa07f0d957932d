"""The documents list the problem codes that the code can emit: all of them, and no others."""

import pytest

from tests.unit.api.documents import TIERS, document_of, listed_codes
from tests.unit.api.problem_codes import codes_of

NEVER = {
    "ingest": frozenset[tuple[str, str]](),
    "query": frozenset(
        {
            # A query node only reads.
            ("shared.cassandra.session", "Session.write"),
            ("shared.cassandra.session", "Session.write_counter_batch"),
            # What fails here ends a stream, or makes it late, and is no answer to a request.
            ("query.changes.topic_reader", "*"),
            ("query.changes.tail", "*"),
        }
    ),
}


@pytest.mark.parametrize("tier", TIERS)
def test_each_code_that_the_code_can_emit_is_listed_and_no_other(tier: str) -> None:
    """Where one is missing, the place that makes it is named."""
    emitted = codes_of(tier, NEVER[tier])
    listed = listed_codes(document_of(tier))

    assert {code: at for code, at in emitted.items() if code not in listed} == {}
    assert listed - emitted.keys() == set()
