"""What a process is told of tracing by its environment (``TRACING_*``)."""

from importlib.util import find_spec
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

NEEDED = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def _installed(endpoint: str | None) -> str | None:
    try:
        missing = endpoint is not None and None in map(find_spec, NEEDED)
    except ModuleNotFoundError:  # of what stands before a dot
        missing = True
    if missing:
        raise ValueError("it needs the extra `tracing`: pip install 'catchall[tracing]'")
    return endpoint


class TracingConfig(BaseSettings):
    """Where spans go, and of how many requests."""

    model_config = SettingsConfigDict(env_prefix="TRACING_", frozen=True)

    endpoint: Annotated[
        str | None, Field(pattern=r"^https?://[^\s@]+$"), AfterValidator(_installed)
    ] = None
    """The whole URL of a collector that takes OTLP over HTTP, such as
    ``http://collector:4318/v1/traces``; without it nothing is traced. What OpenTelemetry itself
    reads, such as ``OTEL_EXPORTER_OTLP_HEADERS`` for a password, holds too."""
    sample_ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The share of requests to trace of those that say nothing of a trace. One that belongs to a
    trace is traced if the sender traces it."""
