"""Run the whole suite: ``python -m tests``.

Tests that wait for servers leave a part of two cores idle. So three runs of pytest go side by side,
with servers of their own. The one without deadlines has a low priority. The tests that compare
rates under overload need both cores: they follow alone.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / ".local" / "tests"

Runs = Mapping[str, Sequence[str]]
"""Of each run its niceness and its arguments."""
OVERLOAD = "tests/system/overload"
SYSTEM = "system"
ROUNDS: tuple[Runs, ...] = (
    {
        SYSTEM: ("0", "tests/system", f"--ignore={OVERLOAD}", "--durations=10"),
        "contract": ("0", "tests/contract", "--durations=10"),
        "unit": ("19", "tests/unit", "tests/simulation", "--durations=5"),
    },
    {"overload": ("0", OVERLOAD)},
)
"""The runs of a round go side by side."""
SHOWN = (SYSTEM, "overload")
"""The runs whose output is seen while they run; that of the others follows at the end."""


def main() -> int:
    """Run all tests; return 0 if every run passed, else 1."""
    signal.signal(signal.SIGTERM, _interrupt)
    began = time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    try:
        statuses = [status for runs in ROUNDS for status in _run(runs)]
    except KeyboardInterrupt:
        return 130
    for name in (name for runs in ROUNDS for name in runs if name not in SHOWN):
        sys.stdout.write(_log(name).read_text())
    sys.stdout.write(f"the whole suite took {(time.monotonic() - began) / 60:.1f} min\n")
    return int(any(statuses))


def _run(runs: Runs) -> list[int]:
    """Start *runs* side by side; return the exit status of each."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for name, (niceness, *arguments) in runs.items():
            command = ["nice", "-n", niceness, sys.executable, "-m", "pytest", *arguments]
            with _log(name).open("wb") as log:
                output = None if name in SHOWN else log
                running.append(
                    subprocess.Popen(
                        command, cwd=ROOT, process_group=0, stdout=output, stderr=output
                    )
                )
        return [run.wait() for run in running]
    except KeyboardInterrupt:
        for run in running:
            run.send_signal(signal.SIGINT)  # pytest ends its servers
        for run in running:
            run.wait()
        raise


def _log(name: str) -> Path:
    return LOGS / f"{name}.log"


def _interrupt(_: int, __: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
