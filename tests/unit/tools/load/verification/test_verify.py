"""Requesting domains until every count is right."""

from collections.abc import Callable, Sequence

from tests.tools.load.verification.ledger import Ledger
from tests.tools.load.verification.query_client import QueryError
from tests.tools.load.verification.rule import Answer
from tests.tools.load.verification.verify import NAMES_A_REQUEST, Verifier, WrongDomain


def name(number: int) -> str:
    """Return the name of a domain."""
    return f"D{number}.com"


def ledger(domains: int) -> Ledger:
    """Return a ledger with one accepted delivery of each domain."""
    book = Ledger()
    book.accept(range(0, 2 * domains, 2))
    return book


class FakeQuery:
    """A query tier whose counts depend on the name and on the number of requests for it."""

    def __init__(self, count: Callable[[str, int], int]) -> None:
        self._count = count
        self.asked: dict[str, int] = {}
        self.questions: list[int] = []
        self.failures = 0

    async def get(self, names: Sequence[str]) -> list[Answer | str]:
        """Answer like the query tier."""
        self.questions.append(len(names))
        if self.failures:
            self.failures -= 1
            raise QueryError("down")
        return [self._answer(asked) for asked in names]

    def _answer(self, asked: str) -> Answer | str:
        times = self.asked[asked] = self.asked.get(asked, 0) + 1
        return Answer(
            domain=asked.lower(),
            status="unknown",
            delivered=self._count(asked, times),
            bounced=0,
            threshold=1_000,
        )


def verifier(query: FakeQuery, domains: int) -> Verifier:
    """Return a verifier of *domains* domains."""
    return Verifier(query.get, ledger(domains), name)


async def test_every_domain_is_requested_in_requests_of_bounded_size() -> None:
    """The API limits the names of a request."""
    query = FakeQuery(lambda *_: 1)
    verify = verifier(query, 2_500)
    assert await verify.wait_until_right(10) is not None
    assert verify.right == 2_500
    assert sorted(query.questions) == [500, NAMES_A_REQUEST, NAMES_A_REQUEST]


async def test_only_domains_that_are_not_right_are_requested_again() -> None:
    """A right domain is left alone."""
    query = FakeQuery(lambda asked, times: int(asked != name(1) or times == 3))
    assert await verifier(query, 3).wait_until_right(10) is not None
    assert query.asked == {name(0): 1, name(1): 3, name(2): 1}


async def test_a_count_above_its_bound_is_not_requested_again() -> None:
    """It can't become right."""
    query = FakeQuery(lambda asked, _: 2 if asked == name(1) else 1)
    verify = verifier(query, 3)
    assert await verify.wait_until_right(10) is None
    assert verify.wrong == [WrongDomain("d1.com", "delivered is 2, but 1 were sent")]
    assert query.asked[name(1)] == 1


async def test_a_count_below_its_bound_is_wrong_when_time_is_up() -> None:
    """An accepted event that is not counted is lost."""
    verify = verifier(FakeQuery(lambda asked, _: int(asked != name(2))), 3)
    assert await verify.wait_until_right(0) is None
    assert verify.wrong == [WrongDomain("d2.com", "delivered is 0, but 1 were accepted")]


async def test_a_failed_request_is_repeated() -> None:
    """It proves nothing about the counts."""
    query = FakeQuery(lambda *_: 1)
    query.failures = 1
    assert await verifier(query, 3).wait_until_right(10) is not None


async def test_without_a_query_tier_the_domains_are_wrong() -> None:
    """Counts that were never read are not right."""
    query = FakeQuery(lambda *_: 1)
    query.failures = 2
    verify = verifier(query, 1)
    assert await verify.wait_until_right(0) is None
    assert verify.wrong == [WrongDomain("d0.com", "no answer: down")]


async def test_a_second_comparison_finds_a_late_duplicate() -> None:
    """It arrives after the count was right."""
    verify = verifier(FakeQuery(lambda _, times: times), 1)
    assert await verify.wait_until_right(10) is not None
    assert await verify.wait_until_right(10) is None
    assert verify.wrong == [WrongDomain("d0.com", "delivered is 2, but 1 were sent")]


async def test_domains_that_were_never_sent_are_not_requested() -> None:
    """Of very many domains only those with events are compared."""
    book = Ledger(1_000_000)
    book.accept([2 * 999_999])
    query = FakeQuery(lambda *_: 1)
    verify = Verifier(query.get, book, name)
    assert await verify.wait_until_right(10) is not None
    assert (verify.domains, query.asked) == (1, {name(999_999): 1})
