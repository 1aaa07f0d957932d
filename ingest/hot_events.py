"""The hot requests of an ingest node: a PUT of one event, as the fast lane recognises it."""

from collections.abc import Mapping
from typing import ClassVar

from aiohttp import web

from ingest.admission import Admission
from ingest.handlers import MAX_PUT_BYTES, Handlers
from ingest.publisher import Publisher
from shared.auth.guard import Access
from shared.errors import InputError, RetriableError
from shared.http.fast_lane import Answer, Head, Pending
from shared.http.observability.instrumentation import HttpInstrumentation
from shared.http.observability.metrics import RouteMetrics
from shared.http.prebuilt_response import PrebuiltResponse
from shared.http.problems import respond_to
from shared.model.domain import parse_domain
from shared.model.event import Event, EventKind, parse_idempotency_key
from shared.model.scope import Scope

_SCOPE = Scope.INGEST.value
"""A plain str caches its hash; an enum member computes it at each look-up."""


class HotEvents:
    """Accepts what the handler of a ``PUT`` would accept, and leaves it what it would refuse."""

    line: ClassVar[bytes] = rb"PUT /events/(?P<domain>[A-Za-z0-9.-]+)/(?P<kind>delivered|bounced)"
    fields: ClassVar[Mapping[str, bytes]] = {"Idempotency-Key": rb"[!-~]+"}

    def __init__(
        self,
        handlers: Handlers,
        publisher: Publisher,
        admission: Admission,
        instrumentation: HttpInstrumentation,
        access: Access | None,
    ) -> None:
        self._handlers = handlers
        self._publisher = publisher
        self._admission = admission
        self._access = access
        self._accepted = PrebuiltResponse(lambda: web.Response(status=202), 202)
        self._kinds = {
            kind.encode(): (
                kind,
                instrumentation.metrics.route("PUT", f"/events/{{domain}}/{kind}"),
            )
            for kind in EventKind
        }

    def route_of(self, head: Head) -> RouteMetrics:
        """See HotRequests."""
        return self._kinds[head["kind"]][1]

    def accept(self, head: Head) -> Pending | None:
        """Publish the event, unless anything is in its way."""
        key = head["idempotency_key"]
        kind, _ = self._kinds[head["kind"]]
        try:
            domain = parse_domain(head["domain"].decode())
            idempotency_key = None if key is None else parse_idempotency_key(key.decode())
        except InputError:
            return None
        event = Event(domain, kind, 1, idempotency_key)
        publisher, admission = self._publisher, self._admission
        if not publisher.has_room(event) or not admission.try_admit(1, MAX_PUT_BYTES):
            return None
        # Last, because it takes the event from the quota.
        if self._access is not None and not self._access.permits(
            (head["authorization"] or b"").decode(), _SCOPE, 1
        ):
            admission.release(1, MAX_PUT_BYTES)
            return None
        return Pending(publisher.publish(event), self._conclude)

    def _conclude(self, outcome: RetriableError | None) -> Answer:
        self._admission.release(1, MAX_PUT_BYTES)
        self._handlers.count_put(outcome)
        return self._accepted if outcome is None else respond_to(outcome)
