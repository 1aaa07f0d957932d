"""Wall clocks that step, by libfaketime: a library that a process loads before all others.

Linux has no namespace for the wall clock. The library reads the difference from a file, at most one
second late, and leaves monotonic clocks alone.
"""

from collections.abc import Mapping
from pathlib import Path

_LIBRARIES = "lib*/*/faketime/libfaketimeMT.so.1"
_NO_STEP = "+0"


class Clocks:
    """The clocks of some nodes; none can step without the *library*."""

    def __init__(self, library: Path | None, folder: Path) -> None:
        self._library = library
        self._folder = folder
        self._files: dict[str, Path] = {}

    def environment(self, node: str) -> Mapping[str, str]:
        """Return the variables with which *node* must start, so that its clock can step."""
        if self._library is None:
            return {}
        self._folder.mkdir(parents=True, exist_ok=True)
        file = self._files[node] = self._folder / node
        self._write(node, _NO_STEP)
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # Debian's default returns from timed waits at once, together with the setting above.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "NO_FAKE_STAT": "1",
        }

    def can_step(self, node: str) -> bool:
        """Return whether *node* was started with a clock that can step."""
        return node in self._files

    def step(self, node: str, seconds: float) -> None:
        """Set the clock of *node* to *seconds* after the true time, within a second."""
        self._write(node, f"{seconds:+.0f}")

    def step_back(self, node: str) -> None:
        """Set the clock of *node* to the true time, within a second."""
        self._write(node, _NO_STEP)

    def _write(self, node: str, text: str) -> None:
        file = self._files[node]
        # Whole: the node may read it at any moment.
        fresh = file.with_suffix(".new")
        fresh.write_text(f"{text}\n")
        fresh.replace(file)


def find_library() -> Path | None:
    """Return the library for processes with threads; None where it is not installed."""
    return next(iter(sorted(Path("/usr").glob(_LIBRARIES))), None)
