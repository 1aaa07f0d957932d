"""Nodes that end are restarted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from deploy.local import supervisor
from deploy.processes import process
from deploy.processes.node import Node
from tests.unit.deploy.processes.fakes import FakeMachine, build_node


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_POLL_SECONDS", 0)


@asynccontextmanager
async def watched(node: Node, lines: asyncio.Queue[str]) -> AsyncIterator[None]:
    """Supervise *node* while the context is open."""
    task = asyncio.create_task(supervisor.keep_alive([node], lines.put_nowait))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def take(lines: asyncio.Queue[str], count: int) -> list[str]:
    """Return the next *count* lines."""
    async with asyncio.timeout(5):
        return [await lines.get() for _ in range(count)]


async def test_a_killed_node_is_restarted(tmp_path: Path) -> None:
    """It is restarted at once, and lines report it."""
    machine, lines = FakeMachine(), asyncio.Queue[str]()
    node = build_node(machine, tmp_path)
    await node.start()
    async with watched(node, lines):
        await node.kill()
        died, started, ready = await take(lines, 3)
    assert died == "kafka-1 was killed by SIGKILL; restarting now"
    assert started == "kafka-1 restarted (pid 1001)"
    assert ready.startswith("kafka-1 is ready, ")
    assert node.pid == 1001


async def test_a_repeated_early_exit_is_followed_by_a_pause(tmp_path: Path) -> None:
    """A node that ends right after its restart is restarted after a pause."""
    machine, lines = FakeMachine(), asyncio.Queue[str]()
    machine.exit_statuses = [1, 1, None]
    node = build_node(machine, tmp_path)
    await node.start()
    node.log.write_text("ERROR no memory\n")
    async with watched(node, lines):
        first, _, second = await take(lines, 3)
    assert first.endswith("; restarting now")
    assert "status 1" in second
    assert second.endswith("; restarting in 1 s")


async def test_other_nodes_are_left_alone(tmp_path: Path) -> None:
    """Only the node that ended is restarted."""
    machine, lines = FakeMachine(), asyncio.Queue[str]()
    first, second = (build_node(machine, tmp_path / name) for name in "ab")
    await first.start()
    await second.start()
    task = asyncio.create_task(supervisor.keep_alive([first, second], lines.put_nowait))
    await second.kill()
    await take(lines, 3)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert (first.pid, second.pid) == (1000, 1002)


async def test_a_restart_that_hangs_is_killed(tmp_path: Path) -> None:
    """A node that is not ready within its limit is reported, killed and restarted."""
    machine, lines = FakeMachine(), asyncio.Queue[str]()
    plan = build_node(machine, tmp_path).plan

    async def frozen(_: int) -> str:
        await asyncio.Event().wait()
        return ""

    node = Node(plan, machine.launch, frozen, limit_seconds=0)
    await node.start()
    async with watched(node, lines):
        await node.kill()
        _, started, given_up, ended = await take(lines, 4)
    assert started == "kafka-1 restarted (pid 1001)"
    assert "was not ready within 0 s" in given_up
    assert ended == "kafka-1 was killed by SIGKILL; restarting in 1 s"


async def test_a_failing_start_does_not_end_the_supervision(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full disk at a restart is reported; the next attempt follows after a pause."""
    machine, lines = FakeMachine(), asyncio.Queue[str]()
    node = build_node(machine, tmp_path)
    await node.start()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    async with watched(node, lines):
        monkeypatch.setattr(Path, "write_text", full)
        await node.kill()
        reported = await take(lines, 3)
    assert reported[1] == "kafka-1 cannot be started: [Errno 28] No space left on device"
    assert reported[2].endswith("; restarting in 1 s")
