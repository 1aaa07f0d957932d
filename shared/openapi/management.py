"""Describe the management port, which is the same for all tiers, in the words of OpenAPI 3.1."""

from shared.openapi.responses import Json, answering, refusing

_REFUSALS = refusing()


def management_paths(needs: str) -> Json:
    """Return the paths; *needs* is what a node of the tier is not ready without."""
    return {
        "/livez": _get("getLive", "Whether the process is alive", _LIVE),
        "/readyz": _get("getReady", "Whether traffic should come here", _readiness(needs)),
        "/metrics": _get("getMetrics", "What the process has counted", _METRICS),
    }


def _get(operation: str, summary: str, responses: Json) -> Json:
    return {
        "get": {
            "tags": ["management"],
            "operationId": operation,
            "summary": summary,
            "responses": {**_REFUSALS, **responses},
        }
    }


_LIVE: Json = {
    "200": answering(
        "It is.",
        "text/plain",
        {"const": "ok\n"},
        examples={"alive": {"value": "ok\n", "x-request": {"target": "/livez"}}},
    )
}
_METRICS: Json = {
    "200": answering("Metrics in the text format of Prometheus.", "text/plain", {"type": "string"})
}


def _readiness(needs: str) -> Json:
    report = {
        "type": "object",
        "required": ["ready", "stopping", "checks"],
        "additionalProperties": False,
        "properties": {
            "ready": {"type": "boolean"},
            "stopping": {
                "type": "boolean",
                "description": "Whether the node is about to end. It answers what it has in hand.",
            },
            "checks": {
                "type": "object",
                "description": "What the node needs.",
                "required": [needs],
                "additionalProperties": {
                    "type": "object",
                    "required": ["ok", "last_error"],
                    "additionalProperties": False,
                    "properties": {
                        "ok": {"type": "boolean"},
                        "last_error": {
                            "type": ["string", "null"],
                            "description": "The last failure, even if all is well since.",
                        },
                    },
                },
            },
        },
    }
    passed = {"ok": True, "last_error": None}
    failed = {"ok": False, "last_error": f"{needs} did not answer"}
    ready = {"ready": True, "stopping": False, "checks": {needs: passed}}
    unready = {"ready": False, "stopping": False, "checks": {needs: failed}}
    not_ready = answering(
        "Send no traffic here for now, or the refusal `too_many_connections`.",
        "application/json",
        report,
        examples={"not_ready": {"value": unready}},
    )
    not_ready["content"] |= _REFUSALS["503"]["content"]
    return {
        "200": answering(
            "Send traffic here.",
            "application/json",
            report,
            examples={"ready": {"value": ready, "x-request": {"target": "/readyz"}}},
        ),
        "503": not_ready,
    }
