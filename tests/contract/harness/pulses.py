"""Two pulses of a pipeline: an idle one and a busy one."""

IDLE: dict[str, object] = {
    "at": 1_800_000_000.0,
    "over_seconds": None,
    "rates": {
        "events_in": None,
        "events_refused": None,
        "rows_written": None,
        "answers": None,
        "questions_refused": None,
    },
    "delay": None,
    "partitions": [],
    "targets": [],
    "failing": {},
}
BUSY: dict[str, object] = {
    **IDLE,
    "over_seconds": 2.0,
    "rates": {
        "events_in": 1234.4,
        "events_refused": 3.0,
        "rows_written": 400.0,
        "answers": 7.0,
        "questions_refused": 1.5,
    },
    "delay": {"events": 10, "p50_seconds": 0.02, "p95_seconds": 0.08},
    "partitions": [
        {"partition": 0, "end": 50, "committed": 10, "lag": 40, "lag_from": "committed"},
        {"partition": 1, "end": 900, "committed": 0, "lag": 700, "lag_from": "worker"},
        {"partition": 2, "end": 5, "committed": None, "lag": None, "lag_from": None},
    ],
    "targets": [
        {"address": "10.0.0.1:9080", "tier": "ingest", "up": True, "ready": True, "error": None},
        {"address": "10.0.0.2:9082", "tier": "worker", "up": True, "ready": False, "error": None},
        {
            "address": "10.0.0.3:9082",
            "tier": None,
            "up": False,
            "ready": False,
            "error": "no connection",
        },
    ],
    "failing": {"10.0.0.3:9082": "no connection"},
}
