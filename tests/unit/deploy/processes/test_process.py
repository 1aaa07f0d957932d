"""Real processes that end by themselves or by a signal."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from deploy.processes import process
from deploy.processes.process import Command, Process

SLEEP = ("sleep", "60")
PARENT = """
import pathlib, sys
from deploy.processes.process import Command, Process
folder = pathlib.Path(sys.argv[1])
print(Process(Command("child", ("sleep", "60"), folder / "child.log", folder)).pid, flush=True)
sys.stdin.read()
"""


def command(folder: Path, *arguments: str) -> Command:
    """Return *arguments* as a command with a log in *folder*."""
    return Command("x", arguments, folder / "x.log", folder, {"COLOUR": "green"})


async def test_output_of_every_start_is_kept(tmp_path: Path) -> None:
    """A process has its environment; its output is appended to the log."""
    for _ in range(2):
        running = await process.launch(command(tmp_path, "sh", "-c", "echo $COLOUR; exit 3"))
        assert await process.wait(running) == 3
    assert (tmp_path / "x.log").read_text() == "green\ngreen\n"


async def test_kill_ends_a_frozen_process(tmp_path: Path) -> None:
    """SIGKILL takes effect on a frozen process."""
    running = Process(command(tmp_path, *SLEEP))
    running.signal(signal.SIGSTOP)
    assert await process.kill(running) == -9


async def test_a_process_is_frozen_once_the_signal_is_sent(tmp_path: Path) -> None:
    """Also on a busy machine, where the thread that takes the signal waits for a core."""
    busy = [Process(command(tmp_path, "sh", "-c", "while :; do :; done")) for _ in range(4)]
    running = Process(command(tmp_path, *SLEEP))
    try:
        for _ in range(50):
            running.signal(signal.SIGSTOP)
            assert psutil.Process(running.pid).status() == psutil.STATUS_STOPPED
            running.signal(signal.SIGCONT)
            await asyncio.sleep(0.005)
    finally:
        for each in (running, *busy):
            await process.kill(each)


async def test_stop_lets_a_frozen_process_end_by_itself(tmp_path: Path) -> None:
    """Stop sends SIGCONT too, so that the process ends by SIGTERM."""
    running = Process(command(tmp_path, *SLEEP))
    running.signal(signal.SIGSTOP)
    assert await process.stop(running, 10) == -15


async def test_stop_has_a_deadline(tmp_path: Path) -> None:
    """A process that ignores SIGTERM is killed at the deadline."""
    deaf = "trap '' TERM; echo deaf; while :; do sleep 60; done"
    running = Process(command(tmp_path, "sh", "-c", deaf))
    async with asyncio.timeout(5):
        while not (tmp_path / "x.log").read_text():
            await asyncio.sleep(0)
    assert await process.stop(running, 0.01) == -9


async def test_a_run_over_its_limit_is_killed(tmp_path: Path) -> None:
    """A command that takes too long is killed, and an error is raised."""
    started: list[process.Running] = []

    async def launch(what: Command) -> process.Running:
        started.append(await process.launch(what))
        return started[0]

    with pytest.raises(TimeoutError):
        await process.run(command(tmp_path, *SLEEP), launch, 0.01)
    assert started[0].poll() == -9


async def test_a_child_runs_in_its_own_session(tmp_path: Path) -> None:
    """Ctrl-C in the terminal does not reach it."""
    running = Process(command(tmp_path, *SLEEP))
    assert os.getsid(running.pid) == running.pid
    await process.kill(running)


def test_a_child_dies_with_its_killed_parent(tmp_path: Path) -> None:
    """The kernel kills the children of a parent that was killed with kill -9."""
    with subprocess.Popen(
        (sys.executable, "-c", PARENT, str(tmp_path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[4],
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        child.wait(timeout=5)
    assert not child.is_running()


def test_other_threads_may_not_start_processes(tmp_path: Path) -> None:
    """The child would die with that thread, so the start is refused."""
    errors: list[RuntimeError] = []

    def start() -> None:
        try:
            Process(command(tmp_path, *SLEEP))
        except RuntimeError as error:
            errors.append(error)

    thread = threading.Thread(target=start)
    thread.start()
    thread.join(5)
    assert len(errors) == 1
