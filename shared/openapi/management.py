"""Describe the management port, which is the same for all tiers."""

from msgspec import to_builtins

from shared.http.management import Readiness, ReadinessReport
from shared.openapi.responses import Json, answered, example_of, operation
from shared.openapi.schemas import reference


def management_paths(dependency: str) -> Json:
    """Return the paths of a tier that is not ready without *dependency*."""
    readiness = Readiness(dependency)
    readiness[dependency].failed(f"{dependency} did not answer")
    not_ready = {"value": to_builtins(readiness.report())}
    readiness[dependency].passed()
    ready = example_of(readiness.report(), "/readyz")
    alive = example_of("ok\n", "/livez")
    return {
        "/livez": _get(
            "getLive",
            "Is the process alive?",
            answered("Yes.", "text/plain", {"const": "ok\n"}, examples={"alive": alive}),
        ),
        "/readyz": _get(
            "getReady",
            "Should traffic come here?",
            _readiness("Send traffic here.", {"ready": ready}),
            _readiness(
                "Send no traffic here for now; or the refusal `too_many_connections`.",
                {"not_ready": not_ready},
            ),
        ),
        "/metrics": _get(
            "getMetrics",
            "The metrics of the process",
            answered("In the text format of Prometheus.", "text/plain", {"type": "string"}),
        ),
    }


def _get(name: str, summary: str, ok: Json, unavailable: Json | None = None) -> Json:
    get = operation("management", name, summary, {"200": ok})
    if unavailable is not None:
        unavailable["content"] |= get["responses"]["503"]["content"]
        get["responses"]["503"] = unavailable
    return {"get": get}


def _readiness(description: str, examples: Json) -> Json:
    schema = reference(ReadinessReport)
    return answered(description, "application/json", schema, examples=examples)
