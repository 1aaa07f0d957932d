"""Describe the state of the pipeline."""

import msgspec

from query.pulse.collector import FRESH_SECONDS, PartitionPulse, Pulse, TargetPulse
from query.pulse.scrape import Delay, Tier, Total
from shared.openapi.responses import NO_STORE, Json, answered, constant, operation
from shared.openapi.schemas import answer_schemas, reference

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
    """Return the schemas of the answer."""
    schemas = answer_schemas(Pulse)
    schemas["Pulse"]["properties"]["rates"] |= {
        "propertyNames": reference(Total),
        "required": list(Total),
    }
    return schemas


GET_PULSE: Json = operation(
    "people",
    "getPulse",
    "The state of the pipeline",
    {
        "200": answered(
            "What the sources report.",
            "application/json",
            reference(Pulse),
            headers={
                "Cache-Control": NO_STORE,
                "X-Content-Type-Options": constant("nosniff"),
            },
            examples={
                "pulse": {
                    "value": msgspec.to_builtins(_EXAMPLE),
                    "x-request": {"target": "/pulse"},
                }
            },
        )
    },
    description="Rates, delay, lag per partition, and the state of each process: now, or at most"
    f" {FRESH_SECONDS:g} second ago. `failing` names the sources that did not answer.",
)
