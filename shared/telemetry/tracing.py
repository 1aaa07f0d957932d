"""Send spans to a collector, if the environment names one.

Without a collector tracing costs nothing: nothing of OpenTelemetry is imported, and the code that
could record spans gets None instead of ``Spans``.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from shared.telemetry.log_limit import limit_repeated_logs
from shared.telemetry.tracing_config import TracingConfig

if TYPE_CHECKING:
    from shared.telemetry.spans import Spans

log = structlog.stdlib.get_logger(__name__)

_CLOSE_SECONDS = 3.0
_NOISY = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
)


@asynccontextmanager
async def open_tracing(config: TracingConfig, service: str) -> AsyncIterator["Spans | None"]:
    """Yield the spans of this process, or None; at the end send the remaining ones, within a limit.

    A thread sends spans, and drops them when the collector does not keep up.
    """
    if config.endpoint is None:
        yield None
        return
    from shared.telemetry.spans import build_spans

    limit_repeated_logs(*_NOISY)
    spans = build_spans(config.endpoint, config.sample_ratio, f"catchall-{service}")
    log.info("requests are traced", ratio=config.sample_ratio)
    try:
        yield spans
    finally:
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.to_thread(spans.close)
        except TimeoutError:
            log.warning("the collector did not accept the last spans in time")
