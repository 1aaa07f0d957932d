"""A token proves one body only."""

import pytest

from ingest.adapters.used_tokens import UsedTokens
from ingest.adapters.webhook import Token
from shared.errors import InputError
from shared.problems import Problem


def refusal_of(tokens: UsedTokens, token: Token, body: bytes, now: float) -> Problem:
    """Return the problem with which the token is refused."""
    with pytest.raises(InputError) as refused:
        tokens.use(token, body, now)
    return refused.value.problem


def test_a_token_with_another_body_is_refused() -> None:
    """The same body is a retry."""
    tokens = UsedTokens(60.0)
    token = Token("t", 100.0)
    tokens.use(token, b"body", 101.0)
    tokens.use(token, b"body", 102.0)
    assert refusal_of(tokens, token, b"other", 103.0) is Problem.UNPROVEN_ORIGIN
    tokens.use(Token("u", 100.0), b"other", 103.0)


def test_tokens_that_are_no_longer_fresh_are_forgotten() -> None:
    """The adapter refuses them by their time."""
    tokens = UsedTokens(60.0)
    for number in range(100):
        tokens.use(Token(str(number), 10.0 * number), b"", 10.0 * number)
    assert len(tokens) == 7


def test_a_full_memory_never_lets_a_token_prove_two_bodies() -> None:
    """It refuses tokens as old as the forgotten one, not newer ones."""
    tokens = UsedTokens(60.0, max_tokens=2)
    for number in range(3):
        tokens.use(Token(str(number), 100.0 + number), b"body", 110.0)
    assert len(tokens) == 2
    assert refusal_of(tokens, Token("0", 100.0), b"other", 110.0) is Problem.STALE_WEBHOOK
    tokens.use(Token("new", 103.0), b"body", 110.0)
