"""Let in who has a key for what it asks, and no more of it than its quota.

Everything is decided here, for every route that says what scope it needs: ``Access.guard`` is laid
around its handler when the router is built. A node that runs open has no Access, and its requests
pay nothing.
"""

import asyncio
import math
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from time import monotonic

import structlog
from aiohttp import web

from shared.auth.api_keys import Key, Keys
from shared.auth.config import AccessConfig, AccessSettings, load_keys
from shared.auth.quota import Account
from shared.http.load_shedding import Pace
from shared.http.problems import HttpProblem, respond_to
from shared.http.routing import Handler, Route
from shared.problems import Problem

log = structlog.stdlib.get_logger(__name__)

_MAX_KNOWN = 1_000
_CHARGE: web.RequestKey[partial[None]] = web.RequestKey("charge", partial)
"""Takes events of a request, once they are counted, from the quota of its key."""


class _Client:
    """A key, and what it has taken."""

    __slots__ = ("account", "key", "quotas")

    def __init__(self, key: Key, settings: AccessSettings) -> None:
        self.key = key
        self.quotas = (
            key.requests_per_second or settings.requests_per_second,
            key.events_per_second or settings.events_per_second,
        )
        self.account = Account(*self.quotas) if any(self.quotas) else None


class Access:
    """The keys of a node, as its file has them.

    Refusals go out at a pace, as those of a full node do: who asks again and again without a key
    must not take the time of those who have one.
    """

    def __init__(
        self,
        keys: Keys,
        read_keys: Callable[[], Keys],
        settings: AccessSettings,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._read_keys = read_keys
        self._settings = settings
        self._clock = clock
        self._pace = Pace(asyncio.get_running_loop().call_later)
        self._clients: Mapping[str, _Client] = {}
        self._take(keys)

    def _take(self, keys: Keys) -> None:
        before = self._clients
        clients = {name: _Client(key, self._settings) for name, key in keys.by_id.items()}
        for name, client in clients.items():
            if name in before and before[name].quotas == client.quotas:
                client.account = before[name].account  # what is owed stays owed
        self._keys, self._clients = keys, clients
        # Headers that were right, so that a hash is made once for each. Whoever has no right one
        # learns nothing by the time of a look-up: entries are told apart by Python's hash of a
        # text, which is keyed by a secret of the process, and texts are compared only where all
        # 64 bits of it are equal.
        self._known: dict[str, _Client] = {}

    def reload(self) -> None:
        """Read the key file again. Raises ConfigError, and keeps the keys, if it is wrong."""
        self._take(self._read_keys())

    def guard(self, route: Route) -> Handler:
        """Return the handler of *route* behind a check of who asks."""
        handler, scope, events, open_if = route.handler, route.scope, route.events, route.open_if
        if scope is None:
            return handler
        # A plain text, whose hash is made once: an enumeration's is made at each look.
        needed, draw = scope.value, route.draw_refusal or _draw_problem

        def guarded(request: web.BaseRequest, *values: str) -> Awaitable[web.StreamResponse]:
            if open_if is not None and open_if(request):
                return handler(request, *values)
            refusal = self._refusal(request, needed, events)
            if refusal is None:
                return handler(request, *values)
            return self._refuse(request, refusal, draw)

        return guarded

    def _refusal(self, request: web.BaseRequest, scope: str, events: int) -> HttpProblem | None:
        authorization = request.headers.get("Authorization", "")
        client = self._known.get(authorization) or self._verify(authorization)
        if client is None:
            return HttpProblem(Problem.UNAUTHORIZED, {"WWW-Authenticate": "Bearer"})
        if scope not in client.key.scopes:
            return HttpProblem(Problem.SCOPE_MISSING, scope=scope)
        account = client.account
        if account is None:
            return None
        if wait := account.admit(events, self._clock()):
            return _over_quota(wait)
        if account.events is not None and not events:
            request[_CHARGE] = partial(self._charge, account)
        return None

    def _verify(self, authorization: str) -> _Client | None:
        key = self._keys.verify(authorization)
        if key is None:
            return None
        client = self._clients[key.id]
        if not sys.flags.hash_randomization:
            return client
        if len(self._known) >= _MAX_KNOWN:  # the same key in as many spellings of "Bearer"
            self._known.clear()
        self._known[authorization] = client
        return client

    async def _refuse(
        self,
        request: web.BaseRequest,
        refusal: HttpProblem,
        draw: Callable[[web.BaseRequest, HttpProblem], web.StreamResponse],
    ) -> web.StreamResponse:
        await self._pace.wait(1)
        return draw(request, refusal)

    def _charge(self, account: Account, events: int) -> None:
        if wait := account.admit_events(events, self._clock()):
            raise _over_quota(wait)


def charge(request: web.BaseRequest, events: int) -> None:
    """Take *events*, now that they are counted, from the quota of the key of *request*.

    Raises HttpProblem, and takes none of them, if nothing is left of it. Does nothing where there
    is no quota, or no key.
    """
    take = request.get(_CHARGE)
    if take is not None:
        take(events)


def _over_quota(wait_seconds: float) -> HttpProblem:
    return HttpProblem(Problem.QUOTA_EXCEEDED, {"Retry-After": str(math.ceil(wait_seconds))})


def _draw_problem(_: web.BaseRequest, refusal: HttpProblem) -> web.StreamResponse:
    return respond_to(refusal)


def build_access(config: AccessConfig) -> Access | None:
    """Return who decides on a node's requests; None: it runs open."""
    path = config.settings.keys_file
    if config.keys is None or path is None:
        log.info("access is open")
        return None
    log.info("access is by keys", keys=len(config.keys.by_id))
    return Access(config.keys, partial(load_keys, path), config.settings)
