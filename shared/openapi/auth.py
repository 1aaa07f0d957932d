"""Describe who may ask in the words of OpenAPI 3.1: what a key is, and how one is refused."""

from collections.abc import Mapping

from shared.auth.api_keys import ID_PATTERN, Scope
from shared.openapi.responses import Json, Refusal, response

KEY_STATUSES = ("401", "403", "429")
KEY_SCHEME: Json = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "id.secret",
        "description": f"A key of the operators: its id (`{ID_PATTERN}`), a dot, and its secret. It"
        " is good for one or more of the scopes "
        + " and ".join(f"`{scope}`" for scope in Scope)
        + ", and may have a quota on each node.",
    }
}
_HEADERS: Json = {
    "401": {
        "WWW-Authenticate": {
            "description": "How to prove who asks.",
            "required": True,
            "schema": {"const": "Bearer"},
        }
    },
    "403": {},
    "429": {
        "Retry-After": {
            "description": "Send the request again after this many seconds.",
            "required": True,
            "schema": {"type": "integer", "minimum": 1},
        }
    },
}


def need_key(path: str, item: Json, scope: Scope) -> Json:
    """Return the operations at *path* as those of a node that asks for keys."""
    return {method: _need_key(path, operation, scope) for method, operation in item.items()}


def _need_key(path: str, operation: Json, scope: Scope) -> Json:
    refusals: Mapping[int, Mapping[str, Refusal]] = {
        401: {
            "unauthorized": Refusal(
                "There is no key, or none that is valid.",
                "Send a valid key: Authorization: Bearer <id>.<secret>.",
                {"target": path.format(domain="example.com")},
            )
        },
        403: {
            "scope_missing": Refusal(
                f"The key is valid, but not good for `{scope}`.",
                f"The key is not for this: {scope}.",
            )
        },
        429: {
            "quota_exceeded": Refusal(
                "The key has used up its quota on this node. Nothing was done.",
                "The key has used up its quota on this node.",
            )
        },
    }
    responses = {str(status): response(status, codes) for status, codes in refusals.items()}
    for status, headers in _HEADERS.items():
        responses[status]["headers"] |= headers
    return {
        **operation,
        "security": [{"key": [scope.value]}],
        "responses": dict(sorted({**operation["responses"], **responses}.items())),
    }
