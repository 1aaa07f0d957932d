"""What a process needs from Cassandra before it can start."""

from types import SimpleNamespace

import pytest

from shared.cassandra import session as sessions
from shared.cassandra.session import Session
from shared.errors import OutcomeUnknownError, StoreUnavailableError


async def patiently(patience_seconds: float, results: list[Exception | int]) -> int:
    """Return the first result that is not an error, as a session without nodes."""

    async def attempt() -> int:
        result = results.pop(0)
        if isinstance(result, Exception):
            raise result
        return result

    session = Session(SimpleNamespace(_pools={}), "keyspace", patience_seconds)
    return await session.patiently(attempt)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat without waiting."""
    monkeypatch.setattr(sessions, "_RETRY_CONNECT_SECONDS", 0.0)


async def test_an_attempt_without_an_answer_or_an_outcome_is_repeated() -> None:
    """A write at start that times out must not end the worker: nodes may still be starting."""
    results: list[Exception | int] = [
        StoreUnavailableError("no"),
        OutcomeUnknownError("timeout"),
        7,
    ]
    assert await patiently(60.0, results) == 7


async def test_patience_ends_with_the_last_error() -> None:
    """The process ends then, and its supervisor starts it again."""
    with pytest.raises(OutcomeUnknownError):
        await patiently(-1.0, [OutcomeUnknownError("timeout"), 7])
