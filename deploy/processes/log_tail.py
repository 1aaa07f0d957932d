"""The one line of a log that tells why its process ended."""

import re
from pathlib import Path

_TAIL_BYTES = 64 * 1024
_LONGEST = 300
_FRAME = re.compile(r"^\s*(at |\.\.\. \d+ (more|common)|File \"|\^+$|[|+~^ -]*$)|^\s+\S.*\)$")
_TROUBLE = re.compile(r"\b(ERROR|FATAL|CRITICAL|error|\w*(Exception|Error))\b")


def last_error(log: Path, since_byte: int = 0) -> str:
    """Return the last line of *log* that names an error, else its last line that says anything.

    Only what was written after *since_byte* counts: logs go on over restarts.
    """
    try:
        size = log.stat().st_size
        if size < since_byte:
            since_byte = 0
        with log.open("rb") as file:
            file.seek(max(since_byte, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return "no log"
    return pick_line(text.splitlines())


def pick_line(lines: list[str]) -> str:
    """Choose among *lines*: no stack frames, and an error rather than the last word."""
    said = [line.strip() for line in lines if not _FRAME.search(line)]
    if not said:
        return "the log says nothing"
    troubles = [line for line in said if _TROUBLE.search(line)]
    return (troubles or said)[-1][:_LONGEST]
