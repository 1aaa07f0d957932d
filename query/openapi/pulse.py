"""Describe how the pipeline is told of in the words of OpenAPI 3.1."""

import msgspec

from query.pulse.collector import FRESH_SECONDS, PartitionPulse, Pulse, TargetPulse
from query.pulse.scrape import Delay, Tier, Total
from shared.openapi.responses import NO_STORE, Json, answering, refusing

_MEANINGS = {
    "Pulse": {
        "at": "Seconds since 1970.",
        "over_seconds": "The time that `rates` and `delay` are of; null: nothing to compare with.",
        "rates": "What was counted per second; null: by nobody that was read twice.",
        "delay": "Null: no events in that time.",
        "failing": "The sources that did not tell, and why.",
    },
    "PartitionPulse": {
        "end": "The offset that the next record will have; null: Kafka did not tell.",
        "committed": "The offset from which the workers would go on; null: Kafka did not tell, or"
        " there is none.",
        "lag": "Records that are yet to be counted; null: nobody told.",
        "lag_from": "`worker`: what its owner has yet to read. `committed`: what it has yet to"
        " commit, which is late by as long as the commits are.",
    },
    "TargetPulse": {
        "tier": "Null: it has not told yet.",
        "up": "Whether it told.",
        "ready": "Whether it takes traffic.",
        "error": "Why it did not tell.",
    },
}
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
    """Return the schemas of what ``/pulse`` says, as its types have them."""
    _, schemas = msgspec.json.schema_components(
        (Pulse,), ref_template="#/components/schemas/{name}"
    )
    for name, meanings in _MEANINGS.items():
        for field, meaning in meanings.items():
            schemas[name]["properties"][field]["description"] = meaning
    schemas["Pulse"]["description"] = "How the pipeline is."
    schemas["Pulse"]["properties"]["rates"] |= {
        "propertyNames": {"$ref": "#/components/schemas/Total"},
        "required": list(Total),
    }
    return schemas


PULSE_PATH: Json = {
    "get": {
        "tags": ["people"],
        "operationId": "getPulse",
        "summary": "How the pipeline is",
        "description": "Rates, delay, lag per partition, and who is up: as of this moment, or of at"
        f" most {FRESH_SECONDS:g} second ago. What did not tell is named in `failing`.",
        "responses": {
            "200": answering(
                "What is known.",
                "application/json",
                {"$ref": "#/components/schemas/Pulse"},
                headers={
                    "Cache-Control": NO_STORE,
                    "X-Content-Type-Options": {"required": True, "schema": {"const": "nosniff"}},
                },
                examples={
                    "pulse": {
                        "value": msgspec.to_builtins(_EXAMPLE),
                        "x-request": {"target": "/pulse"},
                    }
                },
            ),
            **refusing(),
        },
    }
}
