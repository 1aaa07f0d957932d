"""The hot requests of a query node: a GET of a domain whose response is in memory."""

from collections.abc import Mapping
from typing import ClassVar

from query.lookup.read_through_cache import ReadThroughCache
from query.metrics import QueryMetrics
from shared.auth.guard import Access
from shared.http.fast_lane import Head
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.observability.metrics import RouteMetrics
from shared.http.prebuilt_response import PrebuiltResponse
from shared.model.scope import Scope

_SCOPE = Scope.QUERY.value


class HotLookups:
    """Answers with a response in memory; a read that is due follows it."""

    line: ClassVar[bytes] = rb"GET /domains/(?P<domain>[a-z0-9.-]+)"
    fields: ClassVar[Mapping[str, bytes]] = {"If-None-Match": rb'(?:W/)?"[!#-}]*"'}

    def __init__(
        self,
        cache: ReadThroughCache,
        metrics: QueryMetrics,
        instrumentation: HttpInstrumentation,
        access: Access | None,
    ) -> None:
        self._cache = cache
        self._metrics = metrics
        self._route = instrumentation.metrics.route("GET", "/domains/{domain}")
        self._access = access

    def route_of(self, _: Head) -> RouteMetrics:
        """See HotRequests."""
        return self._route

    def accept(self, head: Head) -> PrebuiltResponse | None:
        """Return the response in memory, if there is one and the client may have it."""
        cache = self._cache
        known = cache.get_cached(head["domain"].decode())
        if known is None or (response := known.response_at(cache.clock())) is None:
            return None
        if self._access is not None and not self._access.permits(
            (head["authorization"] or b"").decode(), _SCOPE, 0
        ):
            return None
        cache.refresh_if_due(known)
        self._metrics.answers[response.status_of_domain] += 1
        condition = head["if_none_match"]
        if condition is None:
            return response
        return response.for_version(condition.removeprefix(b"W/")[1:-1].decode())
