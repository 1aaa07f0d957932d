"""Read again at SIGHUP what may change while a process runs: its keys, its certificate."""

from typing import Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter

from shared.errors import PipelineError

log = structlog.stdlib.get_logger(__name__)


class Reloadable(Protocol):
    """What can be read again."""

    def reload(self) -> None:
        """Read it again. Raises PipelineError, having kept what there was."""


class Reloads:
    """All that a process reads again; call it at SIGHUP.

    What is wrong is logged and counted, and keeps nothing else from being read.
    """

    def __init__(self, registry: CollectorRegistry, **parts: Reloadable | None) -> None:
        self._parts = {name: part for name, part in parts.items() if part is not None}
        self._counted = Counter(
            "catchall_reloads",
            "Times that something was read again at SIGHUP, by what it is and whether it could"
            " be used; if not, the old one stays.",
            ["what", "outcome"],
            registry=registry,
        )
        for name in self._parts:
            for outcome in ("ok", "failed"):
                self._counted.labels(name, outcome)

    def __call__(self) -> None:
        """Read everything again."""
        for name, part in self._parts.items():
            try:
                part.reload()
            except PipelineError as error:
                self._counted.labels(name, "failed").inc()
                log.error("wrong when read again; the old stays", what=name, error=str(error))  # noqa: TRY400 its sentence says it all
            else:
                self._counted.labels(name, "ok").inc()
                log.info("read again", what=name)
