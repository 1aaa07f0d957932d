"""What is read again at SIGHUP."""

from prometheus_client import CollectorRegistry

from shared.errors import ConfigError
from shared.runtime.reloads import Reloads


class Part:
    """Something that is read again, and may be wrong then."""

    def __init__(self) -> None:
        self.wrong = False
        self.reads = 0

    def reload(self) -> None:
        """Count it, or refuse."""
        if self.wrong:
            raise ConfigError(["keys.json: wrong"])
        self.reads += 1


def test_everything_is_read_again_though_one_of_it_is_wrong() -> None:
    """Each is counted by what it is and how it ended, from the start on."""
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


def test_what_a_process_does_not_have_is_not_read() -> None:
    """A hangup of an open node over plain HTTP does nothing, and ends nothing."""
    registry = CollectorRegistry()
    Reloads(registry, keys=None, certificate=None)()

    (family,) = registry.collect()
    assert family.samples == []
