"""Describe the pipeline's last minutes, and its state in detail."""

from query.config import QuerySettings
from query.pulse.collector import FRESH_SECONDS, PartitionPulse, Pulse, TargetPulse
from query.pulse.history import WINDOW_SECONDS, Point
from query.pulse.route import AFTER, AFTER_FORM, Rates
from query.pulse.scrape import Delay, Tier, Total
from shared.openapi.requests import parameter
from shared.openapi.responses import (
    NO_STORE,
    Json,
    answered,
    constant,
    example_of,
    operation,
    refusal,
)
from shared.openapi.schemas import answer_schemas, reference
from shared.problems import Problem

_HEADERS: Json = {"Cache-Control": NO_STORE, "X-Content-Type-Options": constant("nosniff")}
_EXAMPLE = Pulse(
    at=1_790_000_000.5,
    over_seconds=1.003,
    rates={
        Total.EVENTS_IN: 20_000.0,
        Total.EVENTS_REFUSED: 0.0,
        Total.ROWS_WRITTEN: 4_100.0,
        Total.ANSWERS: 350.5,
        Total.QUESTIONS_REFUSED: None,
    },
    delay=Delay(events=20_060, p50_seconds=0.021, p95_seconds=0.084),
    partitions=[PartitionPulse(0, 52_310, 52_290, 4, "worker")],
    targets=[
        TargetPulse("127.0.0.1:9080", Tier.INGEST, up=True, ready=True, error=None),
        TargetPulse("127.0.0.1:9082", None, up=False, ready=False, error="refused"),
    ],
    failing={"127.0.0.1:9082": "refused"},
)


def pulse_schemas() -> Json:
    """Return the schemas of the answers."""
    schemas = answer_schemas(Pulse, Rates)
    for name in ("Pulse", "Point"):
        schemas[name]["properties"]["rates"] |= {
            "propertyNames": reference(Total),
            "required": list(Total),
        }
    return schemas


def get_rates(settings: QuerySettings) -> Json:
    """Return the operation that reads the last minutes."""
    rates = Rates(settings.pulse_seconds, [Point(_EXAMPLE.at, _EXAMPLE.rates, _EXAMPLE.delay, 4)])
    return operation(
        "people",
        "getRates",
        f"The pipeline's last {WINDOW_SECONDS / 60:g} minutes",
        {
            "200": answered(
                "Points for charts.",
                "application/json",
                reference(Rates),
                headers=_HEADERS,
                examples={"rates": example_of(rates, "/rates")},
            )
        },
        [
            refusal(
                Problem.UNKNOWN_PARAMETER,
                {"target": "/rates?since=0"},
                detail=Problem.UNKNOWN_PARAMETER.explain(name='"since"'),
            ),
            refusal(
                Problem.INVALID_PARAMETER,
                {"target": f"/rates?{AFTER}=noon"},
                detail=Problem.INVALID_PARAMETER.explain(name=AFTER, form=AFTER_FORM),
            ),
        ],
        description="Rates, delay and lag, as this node has read them from the processes. It has"
        " them in memory only, since its start.",
        parameters=[
            parameter(
                "query",
                AFTER,
                float,
                description="Only what is later: the `at` of the last point that you have.",
            )
        ],
    )


GET_PULSE: Json = operation(
    "people",
    "getPulse",
    "The state of the pipeline",
    {
        "200": answered(
            "What the sources report.",
            "application/json",
            reference(Pulse),
            headers=_HEADERS,
            examples={"pulse": example_of(_EXAMPLE, "/pulse")},
        )
    },
    description="Rates, delay, lag per partition, and the state of each process: now, or at most"
    f" {FRESH_SECONDS:g} second ago. `failing` names the sources that did not answer.",
)
