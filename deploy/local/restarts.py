"""The pauses before a process is restarted. Pure: times are arguments."""

from dataclasses import dataclass

# A process that ran this long had started well: earlier exits no longer count.
_HEALTHY_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 30.0


@dataclass(slots=True)
class Restarts:
    """The pauses of one process: none at first, then longer after each early exit."""

    early_exits: int = 0

    def pause_seconds(self, uptime_seconds: float) -> float:
        """Return the pause before the next start; the process ended after *uptime_seconds*."""
        if uptime_seconds >= _HEALTHY_SECONDS:
            self.early_exits = 0
            return 0.0
        self.early_exits += 1
        if self.early_exits == 1:
            return 0.0
        return min(2.0 ** (self.early_exits - 2), _LONGEST_PAUSE_SECONDS)
