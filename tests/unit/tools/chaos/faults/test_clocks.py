"""Clocks that step."""

from pathlib import Path

from tests.tools.chaos.faults.clocks import Clocks

LIBRARY = Path("/usr/lib/faketime.so")


def test_without_the_library_no_clock_can_step(tmp_path: Path) -> None:
    """Its nodes start as usual."""
    clocks = Clocks(None, tmp_path)

    assert clocks.environment("kafka-2") == {}
    assert not clocks.can_step("kafka-2")


def test_a_step_moves_the_clock_of_one_node(tmp_path: Path) -> None:
    """Its file has the difference; a node that starts again finds the true time."""
    clocks = Clocks(LIBRARY, tmp_path / "clocks")
    variables = {node: clocks.environment(node) for node in ("kafka-2", "worker-1")}
    files = {node: Path(found["FAKETIME_TIMESTAMP_FILE"]) for node, found in variables.items()}

    def texts() -> list[str]:
        return [file.read_text() for file in files.values()]

    assert variables["kafka-2"]["LD_PRELOAD"] == str(LIBRARY)
    assert not clocks.can_step("kafka-1")
    assert texts() == ["+0\n", "+0\n"]
    clocks.step("kafka-2", -90.0)
    assert texts() == ["-90\n", "+0\n"]
    clocks.step("worker-1", 40.0)
    clocks.step_back("kafka-2")
    assert texts() == ["+0\n", "+40\n"]
    assert sorted(file.name for file in (tmp_path / "clocks").iterdir()) == sorted(files)
