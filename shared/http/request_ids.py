"""Name a request so that its sender, our log and whoever stands between speak of the same one.

A sender names it by ``X-Request-Id``, 1 to 64 visible ASCII characters, and every answer says the
name again. A request that came without one, or with what is none, gets a name when there is
something to say about it: when it is refused.
"""

import random
import re

from aiohttp import web
from multidict import istr

REQUEST_ID = istr("X-Request-Id")
_FIRST_REFUSAL = 400
_KEPT = web.RequestKey("_KEPT", str)
_VALID = re.compile(r"[!-~]{1,64}")


def new_id() -> str:
    """Return a name that no other request has: nothing depends on its being hard to guess."""
    return f"{random.getrandbits(64):016x}"


def id_of(request: web.BaseRequest) -> str:
    """Return the request's name, the same each time; it gets one if it has none."""
    kept = request.get(_KEPT)
    if kept is None:
        sent = request.headers.get(REQUEST_ID)
        kept = sent if sent is not None and _VALID.fullmatch(sent) else new_id()
        request[_KEPT] = kept
    return kept


def id_to_answer(request: web.BaseRequest, status: int) -> str | None:
    """Return the name that an answer says: of each request that was sent with one or is refused."""
    if status < _FIRST_REFUSAL and REQUEST_ID not in request.headers:
        return None
    return id_of(request)
