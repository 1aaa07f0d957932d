"""See what a server of HTTP does: count its requests, and tell of those that it refuses."""

from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CollectorRegistry

from shared.http_metrics import NO_ROUTE, HttpMeters, RouteMeter
from shared.http_prebuilt import PrebuiltResponse
from shared.refusal_log import RefusalLog
from shared.request_id import id_of, new_id

if TYPE_CHECKING:
    from shared.spans import Spans

_CODE = web.ResponseKey("_CODE", str)
UNNAMED = "unnamed"
"""The code of an answer that says an error in a way of its own."""


class HttpWatch:
    """What watches one server; where there is no *registry*, nobody asks what it has counted."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.meters = HttpMeters()
        self.spans: Spans | None = None
        """Set where requests are traced."""
        self._log = RefusalLog()
        if registry is not None:
            registry.register(self.meters)

    def refused(
        self, request: web.BaseRequest, meter: RouteMeter, response: web.StreamResponse
    ) -> None:
        """Note that *request* is answered with the problem *response*."""
        code = code_of(response)
        self.meters.refused(code)
        if self._log.wants(code):
            self._log.tell(code, response.status, meter.method, meter.route, id_of(request))

    def turned_away(self, response: web.StreamResponse) -> str:
        """Note that a connection is answered with *response*; return the name to give it."""
        code, request_id = code_of(response), new_id()
        self.meters.refused(code)
        if self._log.wants(code):
            self._log.tell(code, response.status, NO_ROUTE, NO_ROUTE, request_id)
        return request_id


def mark(response: web.Response, code: str) -> web.Response:
    """Note on *response* the stable code of the problem that it tells."""
    response[_CODE] = code
    return response


def code_of(response: web.StreamResponse) -> str:
    """Return the stable code of the problem that *response* tells."""
    if isinstance(response, PrebuiltResponse):
        return response.code
    code: str = response.get(_CODE, UNNAMED)
    return code
