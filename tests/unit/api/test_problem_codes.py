"""Each problem of the table is raised by the code, and documented where it can be reported.

``tests.fakes.requests.ask`` checks the other direction: whatever a handler reports in a unit test
is documented for its operation.
"""

import re
from pathlib import Path

import pytest
from aiohttp import web

from shared.errors import OutcomeUnknownError
from shared.http.application import Route, build_application
from shared.model.scope import Scope
from shared.problems import Problem
from tests.fakes.documents import TIERS, document_of, listed_codes
from tests.fakes.requests import ask

ROOT = Path(__file__).parents[3]
NAMED = re.compile(r"\bProblem\.([A-Z_]+)")


def named_in(folders: tuple[str, ...]) -> set[str]:
    """Return the codes of the problems that the source in *folders* names, documents apart."""
    return {
        name.lower()
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        if "openapi" not in str(path)
        for name in NAMED.findall(path.read_text())
    }


def test_each_problem_is_raised_and_documented() -> None:
    """A row of the table without a use, or without a place in a document, fails here."""
    table = {problem.code for problem in Problem}

    assert table - named_in(("shared", "ingest", "query")) == set()
    assert set.union(*(listed_codes(document_of(tier)) for tier in TIERS)) == table


@pytest.mark.parametrize("tier", TIERS)
def test_what_only_a_tier_raises_is_documented_by_it(tier: str) -> None:
    """And by no other tier."""
    (other,) = set(TIERS) - {tier}
    own = named_in((tier,)) - named_in(("shared", other))

    assert own <= listed_codes(document_of(tier))
    assert not own & listed_codes(document_of(other))


async def test_a_problem_that_an_operation_does_not_document_is_noticed() -> None:
    """The check of the fake client works."""

    async def fail(*_: object) -> web.Response:
        raise OutcomeUnknownError

    app = build_application([Route("GET", "/domains/{domain}", fail, Scope.QUERY)])
    with pytest.raises(AssertionError, match="outcome_unknown"):
        await ask(app, "GET", "/domains/a.example")
