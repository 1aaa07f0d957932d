"""Describe API keys, and the refusals of requests without a suitable one."""

from shared.auth.api_keys import ID_PATTERN
from shared.model.scope import Scope
from shared.openapi.responses import Json, refusal, refused
from shared.problems import Problem

KEY_STATUSES = ("401", "403", "429")
KEY_SCHEME: Json = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "id.secret",
        "description": f"An API key from the operators: its id (`{ID_PATTERN}`), a dot, and its"
        f" secret. It has at least one scope of {', '.join(Scope)}, and may have a quota on each"
        " node.",
    }
}


def require_key(path: str, item: Json, scope: Scope) -> Json:
    """Return the operations at *path* as those of a node that requires API keys."""
    refusals = refused(
        [
            refusal(Problem.UNAUTHORIZED, {"target": path.format(domain="example.com")}),
            refusal(Problem.SCOPE_MISSING, scope=scope),
            refusal(Problem.QUOTA_EXCEEDED),
        ]
    )
    return {
        method: {
            **operation,
            "security": [{"key": [scope.value]}],
            "responses": dict(sorted({**operation["responses"], **refusals}.items())),
        }
        for method, operation in item.items()
    }
