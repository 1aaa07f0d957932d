"""A clock that stands still until it is moved."""


class Clock:
    """Says the time that it was set to."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Return the time."""
        return self.now
