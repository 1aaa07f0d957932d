"""With which status a process ends, and what it prints."""

import resource

import pytest
import structlog

from shared.config import EnvironmentReader
from shared.errors import ConfigError, PipelineError, StoreUnavailableError
from shared.runtime.lifecycle import EXIT_CONFIG, EXIT_FAILED, main


def no_config(_: EnvironmentReader) -> None:
    """Read no settings."""


def status_after(error: Exception, monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    """Return the exit status of a process whose ``run`` raises *error*."""
    monkeypatch.setattr("shared.runtime.lifecycle.configure", lambda *_: None)

    async def run(_: None) -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        main("tier", no_config, run)
    return ended.value.code


WRONG = ConfigError(["CASSANDRA_BUCKETS: 8 is wrong", "KAFKA_TOPIC: is missing"])


@pytest.mark.parametrize("error", [WRONG, ExceptionGroup("tasks", [WRONG])])
def test_settings_that_a_server_contradicts_end_with_status_2(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each problem has a line of its own, as if the environment alone were wrong."""
    assert status_after(error, monkeypatch) == EXIT_CONFIG
    assert capsys.readouterr().err.splitlines() == [
        "tier: CASSANDRA_BUCKETS: 8 is wrong",
        "tier: KAFKA_TOPIC: is missing",
    ]


@pytest.mark.parametrize(
    ("error", "events"),
    [
        (StoreUnavailableError("no answer"), ["stopped"]),
        (ExceptionGroup("tasks", [PipelineError("a"), WRONG]), ["stopped", "stopped"]),
        (ExceptionGroup("tasks", [PipelineError("a"), ValueError("b")]), ["crashed"]),
        (ValueError("a defect"), ["crashed"]),
    ],
)
def test_any_other_error_ends_with_status_1(
    error: Exception, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An expected one is logged in a sentence, a defect with its traceback."""
    with structlog.testing.capture_logs() as logs:
        assert status_after(error, monkeypatch) == EXIT_FAILED
    assert [entry["event"] for entry in logs] == events
    assert ("exc_info" in logs[0]) is (events == ["crashed"])


def test_a_process_may_open_as_many_files_as_the_system_allows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A crowd of clients needs more than the 1,024 that a container often starts with."""
    before = soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 512), most))
    try:
        status_after(ValueError("it ends at once"), monkeypatch)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
