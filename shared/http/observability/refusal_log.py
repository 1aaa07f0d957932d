"""Log refused requests, some lines a second: a flood of requests must not fill the disk."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

log = structlog.stdlib.get_logger(__name__)

LINES_PER_SECOND = 5
"""Per problem code."""
_WINDOW_SECONDS = 1.0


@dataclass(slots=True)
class _Window:
    until: float
    lines: int = 0
    left_out: int = 0


class RefusalLog:
    """Limits the log lines of each problem code; the number of codes is fixed."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, lines_per_second: int = LINES_PER_SECOND
    ) -> None:
        self._clock = clock
        self._lines = lines_per_second
        self._windows: dict[str, _Window] = {}

    def permits(self, code: str) -> bool:
        """Whether to log this refusal with *code*; if not, the next line counts it as left out."""
        window = self._windows.get(code)
        now = self._clock()
        if window is None:
            window = self._windows[code] = _Window(now + _WINDOW_SECONDS)
        elif now >= window.until:
            window.until, window.lines = now + _WINDOW_SECONDS, 0
        if window.lines >= self._lines:
            window.left_out += 1
            return False
        window.lines += 1
        return True

    def write(self, code: str, status: int, method: str, route: str, request_id: str) -> None:
        """Log one refusal, and how many with the same code were left out since the last line.

        Only the request id may come from the client: it is short and visible, see ``request_ids``.
        """
        window = self._windows[code]
        left_out, window.left_out = window.left_out, 0
        log.info(
            "refused",
            request_id=request_id,
            code=code,
            status=status,
            method=method,
            route=route,
            left_out=left_out,
        )
