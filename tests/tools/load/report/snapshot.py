"""The progress of a run at one moment. Pure."""

from dataclasses import dataclass

from tests.tools.load.measurement.series import SecondRow, Series


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The last whole second of a run, and its sums so far."""

    row: SecondRow
    settled: int
    """The number of events with a known outcome."""
    total: int | None
    """The number of events of the whole run; None: until time is up."""
    in_flight: int
    refused_by: dict[str, int]
    unanswered_by: dict[str, int]
    lag: int | None
    """Of the workers, in records; None if they do not report it."""
    seconds: float
    """Since the start."""

    @property
    def lag_text(self) -> str:
        """The lag in words."""
        return "unknown" if self.lag is None else f"{self.lag:,}"


def snapshot_of(
    series: Series, *, seconds: float, total: int | None, in_flight: int, lag: int | None
) -> Snapshot:
    """Return the progress *seconds* after the start."""
    # The processes report a second shortly after its end.
    return Snapshot(
        series.row(max(0, int(seconds) - 2)),
        series.settled,
        total,
        in_flight,
        dict(series.refused_by.most_common()),
        dict(series.unanswered_by.most_common()),
        lag,
        seconds,
    )
