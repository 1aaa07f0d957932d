"""Prove who sent a webhook: shared secrets, and how old they are. Pure.

Secrets are compared in constant time. Each function returns if the proof holds, and else raises
InputError with the same problem, so that a forger learns nothing.
"""

import hmac
from collections.abc import Iterable

from shared.errors import InputError
from shared.problems import Problem

MAX_AHEAD_SECONDS = 300.0
"""How far the provider's clock may be ahead of ours."""


def unproven() -> InputError:
    """Return the refusal of a request whose origin is not proven."""
    return InputError(Problem.UNPROVEN_ORIGIN)


def check_fresh(signed_at: float, now: float, fresh_seconds: float) -> None:
    """Refuse what was signed more than *fresh_seconds* ago, or in the future."""
    # Written so that a time that is not a number is refused.
    if not now - fresh_seconds <= signed_at <= now + MAX_AHEAD_SECONDS:
        raise InputError(Problem.STALE_WEBHOOK, fresh_seconds=fresh_seconds)


def check_secret(presented: str, accepted: Iterable[str]) -> None:
    """Refuse a secret that is none of *accepted*."""
    sent = presented.encode("utf-8", "surrogatepass")
    matches = [hmac.compare_digest(sent, each.encode()) for each in accepted]
    if not any(matches):  # after all comparisons: the time does not reveal which one matches
        raise unproven()
