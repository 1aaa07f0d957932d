"""Request every domain until its counts are right, or can't become right."""

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from time import perf_counter

from tests.tools.load.streams.stream import CODE
from tests.tools.load.verification.ledger import Ledger
from tests.tools.load.verification.query_client import QueryError
from tests.tools.load.verification.rule import Answer, Finding, Standing, evaluate

NAMES_A_REQUEST = 1_000
"""The limit of the API for one request."""
MAX_NAMED = 10_000
"""The wrong domains that are named; the rest is only counted."""
_FIRST_PAUSE_SECONDS = 0.02
_LAST_PAUSE_SECONDS = 0.5

GetAnswers = Callable[[Sequence[str]], Awaitable[list[Answer | str]]]


class _Patience(Enum):
    """How a sweep treats a domain that is not right yet."""

    ASK_AGAIN = 1
    GIVE_UP = 2


@dataclass(frozen=True, slots=True)
class WrongDomain:
    """A domain with wrong counts, and the reason."""

    domain: str
    reason: str


class Verifier:
    """Compares the counts of every domain of the ledger."""

    def __init__(
        self,
        get_answers: GetAnswers,
        ledger: Ledger,
        name: Callable[[int], str],
        requests_at_a_time: int = 4,
    ) -> None:
        self._get_answers = get_answers
        self._ledger = ledger
        self._name = name
        self._requests_at_a_time = requests_at_a_time
        self._numbers = ledger.numbers()
        self.right = 0
        self.wrong: list[WrongDomain] = []
        """The first of them."""
        self.wrong_count = 0

    @property
    def domains(self) -> int:
        """The number of domains."""
        return len(self._numbers)

    async def wait_until_right(self, timeout_seconds: float) -> float | None:
        """Compare, and request again each domain below its bound, for up to *timeout_seconds*.

        Return when (by ``perf_counter``) the last domain was right; None: some are not, and
        ``wrong`` names them. Another call compares everything again.
        """
        self.right = 0
        pending = self._numbers
        deadline = perf_counter() + timeout_seconds
        pause = _FIRST_PAUSE_SECONDS
        while True:
            requested_at = perf_counter()
            if not (pending := await self._sweep(pending, _Patience.ASK_AGAIN)):
                break
            left = deadline - perf_counter()
            if left <= 0:
                await self._sweep(pending, _Patience.GIVE_UP)
                break
            # At least as long as the requests took: the workers need time, too.
            await asyncio.sleep(min(max(pause, perf_counter() - requested_at), left))
            pause = min(pause * 1.5, _LAST_PAUSE_SECONDS)
        return None if self.wrong_count else perf_counter()

    async def _sweep(self, numbers: "array[int]", patience: _Patience) -> "array[int]":
        """Request each of *numbers* once and return those that are not right yet."""
        starts = iter(range(0, len(numbers), NAMES_A_REQUEST))
        pending = array(CODE)

        async def work() -> None:
            for start in starts:
                chunk = numbers[start : start + NAMES_A_REQUEST]
                for number, finding in await self._compare(chunk):
                    self._record(number, finding, patience, pending)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._requests_at_a_time):
                tasks.create_task(work())
        return pending

    async def _compare(self, numbers: Sequence[int]) -> Iterator[tuple[int, Finding]]:
        names = [self._name(number) for number in numbers]
        answers: list[Answer | str]
        try:
            answers = await self._get_answers(names)
        except QueryError as error:
            answers = [f"no answer: {error}"] * len(names)
        return (
            (number, self._evaluate(number, name, answer))
            for number, name, answer in zip(numbers, names, answers, strict=True)
        )

    def _evaluate(self, number: int, name: str, answer: Answer | str) -> Finding:
        if isinstance(answer, str):
            return Finding(Standing.PENDING, answer)
        return evaluate(name, self._ledger.expected(number), answer)

    def _record(
        self, number: int, finding: Finding, patience: _Patience, pending: "array[int]"
    ) -> None:
        if finding.standing is Standing.RIGHT:
            self.right += 1
            return
        if finding.standing is Standing.PENDING and patience is _Patience.ASK_AGAIN:
            pending.append(number)
            return
        self.wrong_count += 1
        if len(self.wrong) < MAX_NAMED:
            self.wrong.append(WrongDomain(self._name(number).lower(), finding.reason))
