"""Check the API key, its scope and its quota before a request reaches its handler.

``Access.check`` is the innermost middleware of the traffic port. A node that runs open has none.
"""

import asyncio
import math
import sys
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from shared.auth.api_keys import ApiKey, ApiKeys
from shared.auth.config import AccessConfig, AccessSettings, load_api_keys
from shared.auth.quota import Quota
from shared.http.application import route_of
from shared.http.problems import HttpProblem
from shared.http.rate_limiter import RateLimiter
from shared.problems import Problem

log = structlog.stdlib.get_logger(__name__)

_MAX_KNOWN = 1_000
_CHARGE: web.RequestKey[partial[None]] = web.RequestKey("charge", partial)
"""Takes the events of a request from the quota of its key, once they are counted."""


class _Client:
    """An API key, and what is left of its quota."""

    __slots__ = ("api_key", "quota", "rates")

    def __init__(self, api_key: ApiKey, settings: AccessSettings) -> None:
        self.api_key = api_key
        self.rates = (
            api_key.requests_per_second or settings.requests_per_second,
            api_key.events_per_second or settings.events_per_second,
        )
        self.quota = Quota(*self.rates) if any(self.rates) else None


class Access:
    """The API keys of a node, and the checks with them.

    The rate of refusals is limited, as it is on a full node: a client that repeats requests without
    a key must not take the time of clients that have one.
    """

    def __init__(
        self,
        keys: ApiKeys,
        read_keys: Callable[[], ApiKeys],
        settings: AccessSettings,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._read_keys = read_keys
        self._settings = settings
        self._clock = clock
        self._limiter = RateLimiter(asyncio.get_running_loop().call_later)
        self._clients: Mapping[str, _Client] = {}
        self._replace(keys)

    def _replace(self, keys: ApiKeys) -> None:
        before = self._clients
        clients = {name: _Client(key, self._settings) for name, key in keys.by_id.items()}
        for name, client in clients.items():
            if name in before and before[name].rates == client.rates:
                client.quota = before[name].quota  # a debt remains
        self._keys, self._clients = keys, clients
        # Valid headers, so that each is hashed once. The time of a look-up reveals nothing to a
        # client without a valid one: the dict finds entries by Python's hash of a text, which is
        # keyed by a secret of the process, and it compares texts only if all 64 bits of it match.
        self._known: dict[str, _Client] = {}

    def reload(self) -> None:
        """Read the key file again. Raises ConfigError, and keeps the keys, if it is invalid."""
        self._replace(self._read_keys())

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a permitted request pass; refuse the others at a limited rate."""
        route = route_of(request)
        # What has no route gets a 404 or 405.
        if route is None or route.scope is None or (route.open_if and route.open_if(request)):
            return await handler(request)
        # A plain str caches its hash; an enum member computes it at each look-up.
        refusal = self._refusal(request, route.scope.value, route.events)
        if refusal is None:
            return await handler(request)
        await self._limiter.acquire(1)
        if route.draw_refusal is None:
            raise refusal
        return route.draw_refusal(request, refusal)

    def permits(self, authorization: str, scope: str, events: int) -> bool:
        """Whether a request is permitted; its *events* are taken from the quota only then."""
        client = self._known.get(authorization) or self._verify(authorization)
        if client is None or scope not in client.api_key.scopes:
            return False
        return client.quota is None or not client.quota.admit(events, self._clock())

    def _refusal(self, request: web.BaseRequest, scope: str, events: int) -> HttpProblem | None:
        authorization = request.headers.get("Authorization", "")
        client = self._known.get(authorization) or self._verify(authorization)
        if client is None:
            return HttpProblem(Problem.UNAUTHORIZED, {"WWW-Authenticate": "Bearer"})
        if scope not in client.api_key.scopes:
            return HttpProblem(Problem.SCOPE_MISSING, scope=scope)
        quota = client.quota
        if quota is None:
            return None
        if wait := quota.admit(events, self._clock()):
            return _over_quota(wait)
        if quota.events is not None and not events:
            request[_CHARGE] = partial(self._charge, quota)
        return None

    def _verify(self, authorization: str) -> _Client | None:
        api_key = self._keys.verify(authorization)
        if api_key is None:
            return None
        client = self._clients[api_key.id]
        if not sys.flags.hash_randomization:
            return client
        if len(self._known) >= _MAX_KNOWN:  # there are that many spellings of "Bearer"
            self._known.clear()
        self._known[authorization] = client
        return client

    def _charge(self, quota: Quota, events: int) -> None:
        if wait := quota.admit_events(events, self._clock()):
            raise _over_quota(wait)


def charge(request: web.BaseRequest, events: int) -> None:
    """Take *events*, now that they are counted, from the quota of the API key of *request*.

    Raises HttpProblem, and takes none of them, if the quota is used up. Does nothing if there is
    no quota, or no key.
    """
    charge_quota = request.get(_CHARGE)
    if charge_quota is not None:
        charge_quota(events)


def _over_quota(wait_seconds: float) -> HttpProblem:
    return HttpProblem(Problem.QUOTA_EXCEEDED, {"Retry-After": str(math.ceil(wait_seconds))})


def build_access(config: AccessConfig) -> Access | None:
    """Return the check of a node's requests; None: it runs open."""
    path = config.settings.keys_file
    if config.keys is None or path is None:
        log.info("access is open")
        return None
    log.info("access is by keys", keys=len(config.keys.by_id))
    return Access(config.keys, partial(load_api_keys, path), config.settings)
