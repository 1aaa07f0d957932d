"""A report of the load tool without a fault."""

from tests.tools.bench.load_tool import LoadLatency, LoadReport

RATE = 1_000.0
REPORT = LoadReport(
    events=90_000,
    accepted=90_000,
    refused=0,
    unanswered=0,
    refused_by={},
    seconds_sending=90.1,
    domains=8,
    ok=True,
    verdict="every count is right",
    latencies={"bulk": LoadLatency(10.0, 20.0, 30.0)},
)
