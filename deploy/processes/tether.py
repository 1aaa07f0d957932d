"""Replace this process with a program that the kernel kills when the parent ends.

Run as ``python -I -S tether.py PARENT_PID PROGRAM ARGUMENT...``. This is a separate program, not a
``preexec_fn``: Python code between fork and exec can hang if the parent has threads, and Python
3.12 warns about it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then execute the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before prctl; then the kernel sends no signal.
    if os.getppid() != parent:
        sys.exit(f"tether: the parent process {parent} has ended")
    os.execvp(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
