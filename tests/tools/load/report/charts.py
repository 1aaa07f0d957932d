"""Draw lines as SVG, without scripts. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 860, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 26, 14, 46
_LINES_ACROSS = 5
_MOST_TICKS = 10


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chart: its name, the class that colours it, and its points."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark below the chart."""

    x: float
    text: str


def nice_steps(highest: float, steps: int = _LINES_ACROSS) -> list[float]:
    """Return round numbers from 0 to *highest* or a little above it."""
    rough = max(highest, 1e-9) / steps
    power: float = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [step * number for number in range(math.ceil(highest / step - 1e-9) + 1)] or [0.0, step]


def second_ticks(seconds: int) -> list[Tick]:
    """Return marks for a time axis that ends after *seconds*, at whole seconds."""
    end = max(seconds, 1)
    steps = nice_steps(max(end, _MOST_TICKS), _MOST_TICKS)
    return [Tick(step, f"{step:g}") for step in steps if step <= end]


def draw(title: str, unit: str, lines: Sequence[Line], ticks: Sequence[Tick]) -> str:
    """Return a chart; the vertical axis starts at 0 and is labelled with *unit*."""
    points = [point for line in lines for point in line.points]
    levels = nice_steps(max((y for _, y in points), default=0.0))
    if len(levels) == 1:
        levels.append(1.0)
    right = max([x for x, _ in points] + [tick.x for tick in ticks] + [1e-9])

    def across(x: float) -> float:
        return _LEFT + x / right * (WIDTH - _LEFT - _RIGHT)

    def down(y: float) -> float:
        return HEIGHT - _BOTTOM - y / levels[-1] * (HEIGHT - _TOP - _BOTTOM)

    # This box scrolls if a narrow window has no room for the numbers.
    parts = [
        '<div class="chart" tabindex="0">',
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
    ]
    for level in levels:
        y = down(level)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_number(level)}</text>'
        )
    parts.extend(
        f'<text x="{across(tick.x):.1f}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle">'
        f"{escape(tick.text)}</text>"
        for tick in ticks
    )
    parts.append(f'<text class="unit" x="{_LEFT}" y="{HEIGHT - 4}">{escape(unit)}</text>')
    for line in lines:
        path = " ".join(f"{across(x):.1f},{down(y):.1f}" for x, y in line.points)
        style = line.style
        if len(line.points) == 1:
            # A single point is drawn by the round ends of a line.
            path, style = f"{path} {path}", f"{style} dot"
        parts.append(f'<polyline class="{style}" points="{path}"/>')
    if not points:
        parts.append(
            f'<text x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT / 2}" text-anchor="middle">'
            "nothing to draw</text>"
        )
    parts.append("</svg></div>")
    return "".join(parts) + _legend(lines)


def _number(level: float) -> str:
    return f"{level:,.0f}" if level == round(level) else f"{level:g}"


def _legend(lines: Sequence[Line]) -> str:
    marks = "".join(
        f'<span><svg class="mark" viewBox="0 0 24 8"><polyline class="{line.style}" '
        f'points="0,4 24,4"/></svg>{escape(line.name)}</span>'
        for line in lines
    )
    return f'<p class="legend">{marks}</p>'
