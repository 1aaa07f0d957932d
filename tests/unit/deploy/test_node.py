"""One node: start, hurt, wait."""

import asyncio
import signal
from pathlib import Path

import pytest

from deploy.processes.errors import ServersError
from deploy.processes.node import Node
from tests.unit.deploy.fakes import FakeMachine, build_node


async def test_files_are_written_before_the_start(tmp_path: Path) -> None:
    """A node's files are there when its process starts."""
    node = build_node(FakeMachine(), tmp_path)
    await node.start()
    assert (tmp_path / "conf" / "x.properties").read_text() == "a=b\n"
    assert (node.address, node.pid) == ("127.0.0.1:19092", 1000)


async def test_setup_runs_before_the_first_start_only(tmp_path: Path) -> None:
    """What prepares a node's data runs once and not after a restart."""
    machine = FakeMachine()
    machine.endings = [0, None, None]
    node = build_node(machine, tmp_path, setup=True)
    await node.start()
    await node.kill()
    await node.start()
    names = [command.name for command in machine.started]
    assert names == ["kafka-1-format", "kafka-1", "kafka-1"]


async def test_failed_setup_is_said_and_tried_again(tmp_path: Path) -> None:
    """A setup that fails raises with its last words, and the next start repeats it."""
    machine = FakeMachine()
    machine.endings = [1, 0, None]
    node = build_node(machine, tmp_path, setup=True)
    (tmp_path / "format.log").write_text("ERROR disk full\n")
    with pytest.raises(ServersError, match="format ended with status 1: ERROR disk full"):
        await node.start()
    await node.start()
    assert node.pid is not None


async def test_running_node_is_not_started_twice(tmp_path: Path) -> None:
    """A second start of a running node is refused."""
    node = build_node(FakeMachine(), tmp_path)
    await node.start()
    with pytest.raises(ServersError, match="runs already"):
        await node.start()


async def test_death_at_start_tells_the_last_words(tmp_path: Path) -> None:
    """Waiting for a node that died says how it ended, why, and where its log is."""
    machine = FakeMachine()
    machine.endings = [3]
    node = build_node(machine, tmp_path)
    await node.start()
    node.log.write_text("INFO hello\nERROR bad yaml\n")
    with pytest.raises(ServersError) as caught:
        await node.wait_ready()
    assert str(caught.value) == f"kafka-1 ended with status 3: ERROR bad yaml (see {node.log})"


async def test_killed_node_has_no_last_words(tmp_path: Path) -> None:
    """What a killed node had logged last is not given as the cause of its death."""
    node = build_node(FakeMachine(), tmp_path)
    await node.start()
    node.log.write_text("ERROR something long ago\n")
    await node.kill()
    assert (node.status, node.pid) == (-9, None)
    assert node.describe_exit() == "kafka-1 was ended by SIGKILL"


async def test_waiting_for_readiness_has_a_limit(tmp_path: Path) -> None:
    """A node that never answers is given up with what was missing."""
    plan = build_node(FakeMachine(), tmp_path).plan

    async def frozen(_: int) -> str:
        await asyncio.Event().wait()
        return ""

    node = Node(plan, FakeMachine().launch, frozen, 60)
    await node.start()
    with pytest.raises(ServersError, match=r"not ready within 0 s \(no answer\)"):
        await node.wait_ready(limit_seconds=0)


async def test_pause_and_resume_send_the_signals(tmp_path: Path) -> None:
    """A node is frozen and thawed by SIGSTOP and SIGCONT."""
    machine = FakeMachine()
    node = build_node(machine, tmp_path)
    await node.start()
    node.pause()
    node.resume()
    assert machine.processes[0].received == [signal.SIGSTOP, signal.SIGCONT]


async def test_a_node_that_does_not_run_cannot_be_paused(tmp_path: Path) -> None:
    """A fault that would hit nothing is an error in the test that wanted it."""
    node = build_node(FakeMachine(), tmp_path)
    with pytest.raises(ServersError, match="does not run"):
        node.pause()


async def test_stop_thaws_a_frozen_node(tmp_path: Path) -> None:
    """A frozen node is asked to end and thawed, so that it can."""
    machine = FakeMachine()
    node = build_node(machine, tmp_path)
    await node.start()
    node.pause()
    assert await node.stop() == 0
    assert machine.processes[0].received[1:] == [signal.SIGTERM, signal.SIGCONT]


async def test_stopping_what_never_ran_is_nothing(tmp_path: Path) -> None:
    """Clean-up may stop every node, started or not."""
    assert await build_node(FakeMachine(), tmp_path).stop() == 0
