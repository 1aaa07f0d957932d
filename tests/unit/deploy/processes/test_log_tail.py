"""Which line of a log is reported."""

from pathlib import Path

from deploy.processes import log_tail


def test_stack_frames_are_left_out() -> None:
    """The exception is reported, not its stack frames."""
    lines = [
        "INFO starting",
        "ConfigurationException: Invalid yaml",
        "\tat org.apache.cassandra.Main.run(Main.java:3)",
        "\t... 12 more",
        "",
    ]
    assert log_tail.pick_line(lines) == "ConfigurationException: Invalid yaml"


def test_the_last_line_of_a_python_traceback_is_reported() -> None:
    """That line has the exception."""
    lines = [
        "Traceback (most recent call last):",
        '  File "x.py", line 1, in <module>',
        "    run(config)",
        "    ^^^^^^^^^^^",
        "ValueError: no such port",
    ]
    assert log_tail.pick_line(lines) == "ValueError: no such port"


def test_an_error_is_reported_rather_than_the_last_line() -> None:
    """Later lines may be harmless."""
    assert log_tail.pick_line(["ERROR disk full", "INFO bye"]) == "ERROR disk full"


def test_without_an_error_the_last_line_is_reported() -> None:
    """Empty lines do not count."""
    assert log_tail.pick_line(["INFO hello", "INFO bye", "  "]) == "INFO bye"


def test_earlier_starts_do_not_count(tmp_path: Path) -> None:
    """An error of an earlier start in the same log is not reported."""
    log = tmp_path / "x.log"
    log.write_text("ERROR old\n")
    begin = log.stat().st_size
    log.write_text("ERROR old\nINFO new\n")
    assert log_tail.last_error(log, begin) == "INFO new"


def test_a_missing_log_is_reported(tmp_path: Path) -> None:
    """It is not an error of its own."""
    assert log_tail.last_error(tmp_path / "none.log") == "there is no log"
