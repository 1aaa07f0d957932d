"""Reload at SIGHUP what may change while a process runs: its API keys, its certificate."""

from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter

from shared.errors import PipelineError

log = structlog.stdlib.get_logger(__name__)


class Reloadable(Protocol):
    """A part of the process that can be loaded again from its file."""

    def reload(self) -> None:
        """Load it again. Raises PipelineError, and keeps the old state."""


class Reloads:
    """Reloads all parts of a process; call it at SIGHUP.

    A part that fails is logged and counted, and the others are reloaded all the same.
    """

    def __init__(self, registry: CollectorRegistry, **parts: Reloadable | None) -> None:
        self._parts = {name: part for name, part in parts.items() if part is not None}
        self._counted = Counter(
            "catchall_reloads",
            "Reloads at SIGHUP, by what was reloaded and by outcome; after a failure the old one"
            " stays in use.",
            ["what", "outcome"],
            registry=registry,
        )
        for name in self._parts:
            for outcome in ("ok", "failed"):
                self._counted.labels(name, outcome)

    def __call__(self) -> None:
        """Reload every part."""
        for name, part in self._parts.items():
            try:
                part.reload()
            except PipelineError as error:
                self._counted.labels(name, "failed").inc()
                log.error("reload failed, the old one stays in use", what=name, error=str(error))  # noqa: TRY400 its sentence is enough
            else:
                self._counted.labels(name, "ok").inc()
                log.info("reloaded", what=name)
