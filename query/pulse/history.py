"""Keep the pipeline's rates, delay and lag of the last minutes, for charts. Pure."""

from collections import deque
from typing import Annotated

import msgspec
from msgspec import Meta

from query.pulse.scrape import Delay, Total

WINDOW_SECONDS = 300.0


class Point(msgspec.Struct, frozen=True):
    """What the pipeline did in the interval that ends at one moment."""

    at: Annotated[float, Meta(description="Seconds since 1970.")]
    rates: Annotated[
        dict[Total, float | None], Meta(description="Counted per second; null: unknown.")
    ]
    delay: Annotated[Delay | None, Meta(description="Null: no events in the interval.")]
    lag: Annotated[
        int | None,
        Meta(description="Records that are not counted yet, of all partitions; null: unknown."),
    ]


class History:
    """The points of the last five minutes, at most *max_points*, in the order of their times."""

    def __init__(self, max_points: int) -> None:
        self._points: deque[Point] = deque(maxlen=max_points)

    def add(self, point: Point) -> None:
        """Add the newest point, and drop those that are too old."""
        points = self._points
        while points and points[-1].at >= point.at:  # the wall clock was set back
            points.pop()
        points.append(point)
        while points[0].at < point.at - WINDOW_SECONDS:
            points.popleft()

    def after(self, at: float) -> list[Point]:
        """Return the points later than *at*."""
        return [point for point in self._points if point.at > at]
