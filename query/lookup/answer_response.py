"""Build the HTTP response for one answer: body, ETag and Cache-Control."""

from functools import partial
from hashlib import blake2b
from http import HTTPStatus

import msgspec
from aiohttp import web

from query.lookup.answer import Answer
from shared.http.prebuilt_response import PrebuiltResponse
from shared.http.request_rules import is_known

FOR_GOOD = "max-age=31536000, immutable"
"""Not ``public``: a shared cache must not serve an answer to a request with an API key to everyone.
Requests without a key may be cached all the same (RFC 9111, 3 and 3.5)."""
_TAG_BYTES = 12

encode = msgspec.json.Encoder().encode


class AnswerResponse(PrebuiltResponse):
    """The response to every request for one domain. A final answer does not use *max_age*."""

    __slots__ = ("_headers", "_tag", "_unchanged", "status_of_domain")

    def __init__(self, answer: Answer, max_age: int) -> None:
        body = encode(answer)
        self.status_of_domain = answer.status
        self._tag = blake2b(body, digest_size=_TAG_BYTES).hexdigest()
        self._headers = {
            "ETag": f'"{self._tag}"',
            "Cache-Control": FOR_GOOD if answer.is_final else f"max-age={max_age}",
        }
        self._unchanged: PrebuiltResponse | None = None
        super().__init__(partial(_build, body, self._headers), status=HTTPStatus.OK)

    def respond_to(self, request: web.Request) -> web.Response:
        """Return the response to *request*: 304 if its If-None-Match has the ETag."""
        known = is_known(request, self._tag)
        return self.for_version(self._tag).build() if known else self.build()

    def for_version(self, tag: str) -> PrebuiltResponse:
        """Return the response to a client that has the version with *tag*."""
        if tag != self._tag:
            return self
        if self._unchanged is None:
            build = partial(web.Response, status=HTTPStatus.NOT_MODIFIED, headers=self._headers)
            self._unchanged = PrebuiltResponse(build, HTTPStatus.NOT_MODIFIED)
        return self._unchanged


def _build(body: bytes, headers: dict[str, str]) -> web.Response:
    return web.Response(body=body, content_type="application/json", headers=headers)
