"""Let a token prove one body only, within bounded memory. Pure; time is an argument.

Some providers sign a random token and the time, but not the body. An attacker who has seen one such
request could send any body with its token.
"""

import hashlib
from collections import OrderedDict

from ingest.adapters.proofs import unproven
from ingest.adapters.webhook import Token
from shared.errors import InputError
from shared.problems import Problem

MAX_TOKENS = 50_000


class UsedTokens:
    """The tokens of the last *fresh_seconds*, each with a hash of the body that it came with.

    Beyond *max_tokens* the oldest is forgotten, and then no token is accepted that was signed
    before it: it might be the forgotten one.
    """

    def __init__(self, fresh_seconds: float, max_tokens: int = MAX_TOKENS) -> None:
        self._fresh_seconds = fresh_seconds
        self._max_tokens = max_tokens
        self._used: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()
        self._forgotten_until = float("-inf")

    def __len__(self) -> int:
        return len(self._used)

    def use(self, token: Token, body: bytes, now: float) -> None:
        """Record that *token* came with *body*.

        Raises InputError if it came with another body. The same body again is accepted: it is a
        retry, and its events have the same idempotency keys.
        """
        self._forget(now)
        name, content = _digest(token.text.encode()), _digest(body)
        known = self._used.get(name)
        if known is None:
            if token.signed_at <= self._forgotten_until:
                raise InputError(Problem.STALE_WEBHOOK, fresh_seconds=self._fresh_seconds)
            self._used[name] = token.signed_at, content
        elif known[1] != content:
            raise unproven()

    def _forget(self, now: float) -> None:
        used = self._used
        while used:
            signed_at, _ = next(iter(used.values()))
            if signed_at >= now - self._fresh_seconds:
                if len(used) < self._max_tokens:
                    return
                self._forgotten_until = max(self._forgotten_until, signed_at)
            used.popitem(last=False)


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
