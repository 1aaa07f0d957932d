"""The line of a log that is told."""

from pathlib import Path

from deploy.processes import log_tail


def test_stack_frames_are_passed_over() -> None:
    """The exception is told, not the frames below it."""
    lines = [
        "INFO starting",
        "ConfigurationException: Invalid yaml",
        "\tat org.apache.cassandra.Main.run(Main.java:3)",
        "\t... 12 more",
        "",
    ]
    assert log_tail.pick_line(lines) == "ConfigurationException: Invalid yaml"


def test_python_traceback_tells_its_last_line() -> None:
    """Of a Python traceback the line with the exception is told."""
    lines = [
        "Traceback (most recent call last):",
        '  File "x.py", line 1, in <module>',
        "    run(config)",
        "    ^^^^^^^^^^^",
        "ValueError: no such port",
    ]
    assert log_tail.pick_line(lines) == "ValueError: no such port"


def test_error_is_told_rather_than_the_last_word() -> None:
    """An error is told although something harmless was said after it."""
    assert log_tail.pick_line(["ERROR disk full", "INFO bye"]) == "ERROR disk full"


def test_without_an_error_the_last_word_is_told() -> None:
    """A log without an error is told by its last line."""
    assert log_tail.pick_line(["INFO hello", "INFO bye", "  "]) == "INFO bye"


def test_earlier_starts_do_not_count(tmp_path: Path) -> None:
    """An error of an earlier start in the same log is not told."""
    log = tmp_path / "x.log"
    log.write_text("ERROR old\n")
    begin = log.stat().st_size
    log.write_text("ERROR old\nINFO new\n")
    assert log_tail.last_error(log, begin) == "INFO new"


def test_missing_log_is_said(tmp_path: Path) -> None:
    """A log that is not there is said instead of raised."""
    assert log_tail.last_error(tmp_path / "none.log") == "no log"
