"""Run the whole suite: ``python -m tests``.

Tests that wait for servers leave a part of two cores idle. So two runs of pytest go side by side:
in front the tests that have deadlines, and behind them, at a low priority, those without any.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
LOG = ROOT / ".local" / "tests-behind.log"
RESTARTS = "tests/contract/cassandra/test_cassandra_restarts.py"
"""Starts three Cassandra nodes of its own."""
FRONT = ("tests/contract", "tests/system", f"--ignore={RESTARTS}", "--durations=20")
BEHIND = (
    ("nice", "-n", "10", RESTARTS, "--durations=3"),
    ("nice", "-n", "19", "tests/unit", "tests/simulation", "--durations=5"),
)
"""They run one after the other; each names its priority."""


def main() -> int:
    """Run all tests; return 0 if every run passed, else 1."""
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    running: list[subprocess.Popen[bytes]] = []
    LOG.parent.mkdir(exist_ok=True)
    try:
        with LOG.open("wb") as log:
            running.append(subprocess.Popen(_pytest(*FRONT), cwd=ROOT, process_group=0))
            for priority in BEHIND:
                command = [*priority[:3], *_pytest(*priority[3:])]
                running.append(
                    subprocess.Popen(
                        command, cwd=ROOT, process_group=0, stdout=log, stderr=subprocess.STDOUT
                    )
                )
                running[-1].wait()
        statuses = [run.wait() for run in running]
    except KeyboardInterrupt:
        for run in running:
            run.send_signal(signal.SIGINT)  # pytest ends its servers
            run.wait()
        return 130
    minutes = (time.monotonic() - began) / 60
    sys.stdout.write(f"{LOG.read_text()}the whole suite took {minutes:.1f} min\n")
    return int(any(statuses))


def _pytest(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pytest", *arguments]


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
