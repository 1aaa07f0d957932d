"""Reloading at SIGHUP."""

from prometheus_client import CollectorRegistry

from shared.errors import ConfigError
from shared.runtime.reloads import Reloads


class Part:
    """A part that can be reloaded, and may fail."""

    def __init__(self) -> None:
        self.wrong = False
        self.reads = 0

    def reload(self) -> None:
        """Count the reload, or fail."""
        if self.wrong:
            raise ConfigError(["keys.json: wrong"])
        self.reads += 1


def test_every_part_is_reloaded_even_if_one_fails() -> None:
    """Each reload is counted by part and outcome; the metrics start at zero."""
    registry, keys, certificate = CollectorRegistry(), Part(), Part()
    reloads = Reloads(registry, keys=keys, certificate=certificate)

    def counted(what: str, outcome: str) -> float | None:
        return registry.get_sample_value(
            "catchall_reloads_total", {"what": what, "outcome": outcome}
        )

    assert counted("keys", "failed") == 0
    keys.wrong = True
    reloads()
    keys.wrong = False
    reloads()

    assert (keys.reads, certificate.reads) == (1, 2)
    assert (counted("keys", "failed"), counted("keys", "ok")) == (1, 1)
    assert (counted("certificate", "failed"), counted("certificate", "ok")) == (0, 2)


def test_a_part_that_a_process_does_not_have_is_not_reloaded() -> None:
    """A SIGHUP to an open node over plain HTTP has no effect."""
    registry = CollectorRegistry()
    Reloads(registry, keys=None, certificate=None)()

    (family,) = registry.collect()
    assert family.samples == []
