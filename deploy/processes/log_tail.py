"""Find the line of a log that explains why its process ended."""

import re
from pathlib import Path

_TAIL_BYTES = 64 * 1024
_MAX_LENGTH = 300
_FRAME = re.compile(r"^\s*(at |\.\.\. \d+ (more|common)|File \"|\^+$|[|+~^ -]*$)|^\s+\S.*\)$")
_ERROR = re.compile(r"\b(ERROR|FATAL|CRITICAL|error|\w*(Exception|Error))\b")


def last_error(log: Path, since_byte: int = 0) -> str:
    """Return the last line of *log* that names an error; if none does, the last line with text.

    Reads only what was written after *since_byte*: a log continues over restarts.
    """
    try:
        size = log.stat().st_size
        if size < since_byte:
            since_byte = 0
        with log.open("rb") as file:
            file.seek(max(since_byte, size - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return "there is no log"
    return pick_line(text.splitlines())


def pick_line(lines: list[str]) -> str:
    """Return the last error among *lines*, else the last line. Stack frames are left out."""
    candidates = [line.strip() for line in lines if not _FRAME.search(line)]
    if not candidates:
        return "the log is empty"
    errors = [line for line in candidates if _ERROR.search(line)]
    return (errors or candidates)[-1][:_MAX_LENGTH]
