"""One node: start, wait, freeze, kill, stop."""

import asyncio
import signal
from pathlib import Path

import pytest

from deploy.processes.errors import ServersError
from deploy.processes.node import Node
from tests.unit.deploy.processes.fakes import FakeMachine, build_node


async def test_files_are_written_before_the_start(tmp_path: Path) -> None:
    """They exist when the process starts."""
    node = build_node(FakeMachine(), tmp_path)
    await node.start()
    assert (tmp_path / "conf" / "x.properties").read_text() == "a=b\n"
    assert (node.address, node.pid) == ("127.0.0.1:19092", 1000)


async def test_setup_runs_before_the_first_start_only(tmp_path: Path) -> None:
    """It prepares the data, so it does not run at a restart."""
    machine = FakeMachine()
    machine.exit_statuses = [0, None, None]
    node = build_node(machine, tmp_path, setup=True)
    await node.start()
    await node.kill()
    await node.start()
    names = [command.name for command in machine.started]
    assert names == ["kafka-1-format", "kafka-1", "kafka-1"]


async def test_a_failed_setup_is_reported_and_tried_again(tmp_path: Path) -> None:
    """The error has the last error of its log; the next start runs the setup again."""
    machine = FakeMachine()
    machine.exit_statuses = [1, 0, None]
    node = build_node(machine, tmp_path, setup=True)
    (tmp_path / "format.log").write_text("ERROR disk full\n")
    with pytest.raises(ServersError, match="format ended with status 1: ERROR disk full"):
        await node.start()
    await node.start()
    assert node.pid is not None


async def test_running_node_is_not_started_twice(tmp_path: Path) -> None:
    """A second start is refused."""
    node = build_node(FakeMachine(), tmp_path)
    await node.start()
    with pytest.raises(ServersError, match="already running"):
        await node.start()


async def test_a_node_that_ends_at_its_start_is_reported_with_its_error(tmp_path: Path) -> None:
    """The error has the status, the last error of the log and the log's path."""
    machine = FakeMachine()
    machine.exit_statuses = [3]
    node = build_node(machine, tmp_path)
    await node.start()
    node.log.write_text("INFO hello\nERROR bad yaml\n")
    with pytest.raises(ServersError) as caught:
        await node.wait_ready()
    assert str(caught.value) == f"kafka-1 ended with status 3: ERROR bad yaml (see {node.log})"


async def test_a_killed_node_is_reported_without_its_log(tmp_path: Path) -> None:
    """The last error in its log is not the cause."""
    node = build_node(FakeMachine(), tmp_path)
    await node.start()
    node.log.write_text("ERROR something long ago\n")
    await node.kill()
    assert (node.status, node.pid) == (-9, None)
    assert node.describe_exit() == "kafka-1 was killed by SIGKILL"


async def test_waiting_for_readiness_has_a_limit(tmp_path: Path) -> None:
    """The error names what was missing."""
    plan = build_node(FakeMachine(), tmp_path).plan

    async def frozen(_: int) -> str:
        await asyncio.Event().wait()
        return ""

    node = Node(plan, FakeMachine().launch, frozen, 60)
    await node.start()
    with pytest.raises(ServersError, match=r"not ready within 0 s \(no answer\)"):
        await node.wait_ready(limit_seconds=0)


async def test_pause_and_resume_send_the_signals(tmp_path: Path) -> None:
    """They send SIGSTOP and SIGCONT."""
    machine = FakeMachine()
    node = build_node(machine, tmp_path)
    await node.start()
    node.pause()
    node.resume()
    assert machine.processes[0].received == [signal.SIGSTOP, signal.SIGCONT]


async def test_a_node_that_does_not_run_cannot_be_paused(tmp_path: Path) -> None:
    """A fault without a target is an error in the test."""
    node = build_node(FakeMachine(), tmp_path)
    with pytest.raises(ServersError, match="does not run"):
        node.pause()


async def test_stopping_a_node_that_never_ran_does_nothing(tmp_path: Path) -> None:
    """Clean-up may stop every node, started or not."""
    assert await build_node(FakeMachine(), tmp_path).stop() == 0
