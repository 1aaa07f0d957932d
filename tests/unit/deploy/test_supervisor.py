"""What dies is started again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from deploy.local import supervisor
from deploy.processes import process
from deploy.processes.node import Node
from tests.unit.deploy.fakes import FakeMachine, build_node


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_POLL_SECONDS", 0)


@asynccontextmanager
async def watched(node: Node, lines: asyncio.Queue[str]) -> AsyncIterator[None]:
    """Keep *node* alive meanwhile."""
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


async def test_killed_node_is_started_again(tmp_path: Path) -> None:
    """A node that was killed is started again at once, and lines say so."""
    machine, lines = FakeMachine(), asyncio.Queue[str]()
    node = build_node(machine, tmp_path)
    await node.start()
    async with watched(node, lines):
        await node.kill()
        died, started, ready = await take(lines, 3)
    assert died == "kafka-1 was ended by SIGKILL: starting it again now"
    assert started == "kafka-1 started again (pid 1001)"
    assert ready.startswith("kafka-1 is ready again")
    assert node.pid == 1001


async def test_repeated_quick_death_is_answered_with_a_pause(tmp_path: Path) -> None:
    """A node that dies at its restart is started once more after a pause, with its words."""
    machine, lines = FakeMachine(), asyncio.Queue[str]()
    machine.endings = [1, 1, None]
    node = build_node(machine, tmp_path)
    await node.start()
    node.log.write_text("ERROR no memory\n")
    async with watched(node, lines):
        first, _, second = await take(lines, 3)
    assert first.endswith("starting it again now")
    assert "status 1" in second
    assert second.endswith("starting it again in 1 s")


async def test_one_death_leaves_the_others_alone(tmp_path: Path) -> None:
    """Only what died is started again."""
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


async def test_frozen_start_is_given_up(tmp_path: Path) -> None:
    """A node that is not ready within its limit after a restart is said, killed, and tried anew."""
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
    assert started == "kafka-1 started again (pid 1001)"
    assert "was not ready within 0 s" in given_up
    assert ended == "kafka-1 was ended by SIGKILL: starting it again in 1 s"


async def test_failing_start_does_not_end_the_watch(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A full disk at a restart is said, and the watch goes on with a pause."""
    machine, lines = FakeMachine(), asyncio.Queue[str]()
    node = build_node(machine, tmp_path)
    await node.start()

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    async with watched(node, lines):
        monkeypatch.setattr(Path, "write_text", full)
        await node.kill()
        said = await take(lines, 3)
    assert said[1] == "kafka-1 cannot be started: [Errno 28] No space left on device"
    assert said[2].endswith("starting it again in 1 s")
