"""Give each request an id that its sender, our log and any proxy can refer to.

A sender may choose it with ``X-Request-Id``, 1 to 64 visible ASCII characters, and every response
repeats it. A request without a valid one gets an id when it is needed: when it is refused.
"""

import random
import re

from aiohttp import web
from multidict import istr

REQUEST_ID = istr("X-Request-Id")
_FIRST_REFUSAL = 400
_ID = web.RequestKey("_ID", str)
ID_PATTERN = "[!-~]{1,64}"
_VALID = re.compile(ID_PATTERN)


def new_id() -> str:
    """Return an id that no other request has. It need not be hard to guess."""
    return f"{random.getrandbits(64):016x}"


def id_of(request: web.BaseRequest) -> str:
    """Return the request's id, the same at each call; make one if it has none."""
    request_id = request.get(_ID)
    if request_id is None:
        sent = request.headers.get(REQUEST_ID)
        request_id = sent if sent is not None and _VALID.fullmatch(sent) else new_id()
        request[_ID] = request_id
    return request_id


def id_to_answer(request: web.BaseRequest, status: int) -> str | None:
    """Return the id for the response's header; None if none was sent and nothing was refused."""
    if status < _FIRST_REFUSAL and REQUEST_ID not in request.headers:
        return None
    return id_of(request)
