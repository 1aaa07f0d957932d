"""Limit how often a client library logs the same line."""

import logging
import time

INTERVAL_SECONDS = 10.0


class RepeatFilter(logging.Filter):
    """Passes a line if no line of the same statement has passed within the interval.

    While brokers are away aiokafka logs each of its attempts, dozens of lines a second, and a
    thousand while it waits for a topic: the disk must not grow with the length of an outage.
    """

    def __init__(self, interval_seconds: float = INTERVAL_SECONDS) -> None:
        super().__init__()
        self._interval_seconds = interval_seconds
        # By the log statement, not by its arguments: the source has a fixed number of statements.
        self._passed_at: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log *record*."""
        statement = (record.pathname, record.lineno)
        now = time.monotonic()
        if now - self._passed_at.get(statement, float("-inf")) < self._interval_seconds:
            return False
        self._passed_at[statement] = now
        return True


_FILTER = RepeatFilter()


def limit_repeated_logs(*names: str) -> None:
    """Limit how often the loggers *names* repeat a line. A second call changes nothing."""
    for name in names:
        logging.getLogger(name).addFilter(_FILTER)
