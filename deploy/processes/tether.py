"""Become another program that the kernel kills as soon as its parent is gone.

Run as ``python -I -S tether.py PARENT_PID PROGRAM ARGUMENT...``. A program of its own, not a
``preexec_fn``: Python code between fork and exec can hang when the parent has threads, and
Python 3.12 warns about it.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the program."""
    parent, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The parent may have died before the line above took effect: nobody would tell us.
    if os.getppid() != parent:
        sys.exit(f"tether: parent {parent} is gone")
    os.execvp(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
