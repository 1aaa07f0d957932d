"""Let a line that a client repeats be logged once in a while."""

import logging
import time

EVERY_SECONDS = 10.0


class OnceInAWhile(logging.Filter):
    """Passes a line if none of the same form has passed within the last seconds.

    While brokers are away aiokafka logs each of its attempts, dozens of lines a second, and a
    thousand while it waits for a topic: the disk must not grow with the length of an outage.
    """

    def __init__(self, every_seconds: float = EVERY_SECONDS) -> None:
        super().__init__()
        self._every_seconds = every_seconds
        # By the form, without its arguments: there are as many as there are calls in the source.
        self._passed_at: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether *record* is to be logged."""
        form = (record.pathname, record.lineno)
        now = time.monotonic()
        if now - self._passed_at.get(form, float("-inf")) < self._every_seconds:
            return False
        self._passed_at[form] = now
        return True


_FILTER = OnceInAWhile()


def limit_logs(*names: str) -> None:
    """Let the loggers *names* say the same thing once in a while. May be repeated."""
    for name in names:
        logging.getLogger(name).addFilter(_FILTER)
