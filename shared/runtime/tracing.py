"""Tell a collector which way some requests took, if the environment names one.

It costs nothing where it names none: nothing of OpenTelemetry is imported, and whoever could tell
of a request has None instead of ``Spans``.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from shared.runtime.log_limit import limit_logs
from shared.runtime.tracing_config import TracingConfig

if TYPE_CHECKING:
    from shared.runtime.spans import Spans

log = structlog.stdlib.get_logger(__name__)

_CLOSE_SECONDS = 3.0
_NOISY = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
)


@asynccontextmanager
async def open_tracing(config: TracingConfig, service: str) -> AsyncIterator["Spans | None"]:
    """Yield what tells of requests, or None; in the end send what is left, within a limit.

    Spans are sent by a thread, and dropped where the collector does not keep up.
    """
    if config.endpoint is None:
        yield None
        return
    from shared.runtime.spans import open_spans

    limit_logs(*_NOISY)
    spans = open_spans(config.endpoint, config.sample_ratio, f"catchall-{service}")
    log.info("requests are traced", ratio=config.sample_ratio)
    try:
        yield spans
    finally:
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await asyncio.to_thread(spans.close)
        except TimeoutError:
            log.warning("the collector did not take the last spans in time")
