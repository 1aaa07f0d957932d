"""When to start again what died. No clock and no processes."""

from dataclasses import dataclass

# What lived this long was in order, and its death is a new story.
_HEALTHY_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(slots=True)
class Restarts:
    """The pauses before the restarts of one process: none at first, then longer and longer."""

    quick_deaths: int = 0

    def pause_seconds(self, lived_seconds: float) -> float:
        """Return how long to wait now that it died after *lived_seconds*."""
        if lived_seconds >= _HEALTHY_SECONDS:
            self.quick_deaths = 0
            return 0.0
        self.quick_deaths += 1
        if self.quick_deaths == 1:
            return 0.0
        return min(2.0 ** (self.quick_deaths - 2), _LONGEST_PAUSE_SECONDS)
