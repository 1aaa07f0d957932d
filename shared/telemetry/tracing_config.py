"""The settings of tracing, from environment variables (``TRACING_*``)."""

from importlib.util import find_spec
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

NEEDED = ("opentelemetry", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def _installed(endpoint: str | None) -> str | None:
    try:
        missing = endpoint is not None and None in map(find_spec, NEEDED)
    except ModuleNotFoundError:  # of a parent package
        missing = True
    if missing:
        raise ValueError("it needs the extra `tracing`: pip install 'catchall[tracing]'")
    return endpoint


class TracingConfig(BaseSettings):
    """Where spans are sent, and the share of requests that get one."""

    model_config = SettingsConfigDict(env_prefix="TRACING_", frozen=True)

    endpoint: Annotated[
        str | None, Field(pattern=r"^https?://[^\s@]+$"), AfterValidator(_installed)
    ] = None
    """The full URL of a collector that accepts OTLP over HTTP, such as
    ``http://collector:4318/v1/traces``; without it nothing is traced. OpenTelemetry's own
    variables, such as ``OTEL_EXPORTER_OTLP_HEADERS`` for a password, apply too."""
    sample_ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The share of requests to trace among those without a ``traceparent``. A request with one is
    traced if its sender traces it."""
