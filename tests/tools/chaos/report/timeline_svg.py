"""Draw the panels of a timeline, one below the other with a common time axis. Pure."""

from collections.abc import Iterable, Sequence
from html import escape
from math import inf, log10

from tests.tools.chaos.check.evidence import Evidence, FaultSpan
from tests.tools.chaos.check.verdict import Verdict
from tests.tools.chaos.report.timeline_series import Bin, bins, round_up

_WIDTH, _LEFT, _RIGHT, _TOP = 1200.0, 112.0, 16.0, 34.0
_ROW, _BAR, _PANEL, _GAP = 22.0, 15.0, 120.0, 34.0
_LETTER = 6.2
"""The approximate width of a letter of a label."""
_TIERS = ("kafka", "cassandra", "ingest", "worker", "query")
_LATENCY_FLOOR = 0.001
_COLOURS = {
    "kill": "kill",
    "freeze": "freeze",
    "restart": "restart",
    "stop": "restart",
    "join": "move",
    "leave": "move",
    "cut": "cut",
}

Points = Sequence[tuple[float, float]]


class Drawing:
    """A picture that grows downwards; ``y`` is where the next panel begins."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._seconds = max(evidence.end, 1.0)
        self._parts: list[str] = []
        self._y = _TOP

    def x(self, t: float) -> float:
        """Return the position of time *t*."""
        inner = _WIDTH - _LEFT - _RIGHT
        return _LEFT + inner * min(max(t, 0.0), self._seconds) / self._seconds

    def faults(self, faults: Iterable[FaultSpan]) -> None:
        """Draw a row for each target with a bar for each of its faults."""
        rows: dict[str, list[FaultSpan]] = {}
        for fault in faults:
            for target in fault.target.split(","):
                rows.setdefault(target.strip() or "all", []).append(fault)
        self._heading("faults" if rows else "no faults")
        for target in sorted(rows, key=_tier_first):
            middle = self._y + _ROW / 2
            self._parts.append(
                f'<text class="row" x="{_LEFT - 10}" y="{middle + 4:.1f}">{escape(target)}</text>'
                f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" '
                f'y1="{middle:.1f}" y2="{middle:.1f}"/>'
            )
            self._bars(rows[target], middle)
            self._y += _ROW
        self._y += _GAP

    def rates(self, stretches: Sequence[Bin]) -> None:
        """Draw the events by second and outcome, stacked."""
        layers = ("accepted", "unanswered", "refused")
        tops = [[0.0] * len(stretches)]
        for name in layers:
            rates = [each.per_second(getattr(each, name)) for each in stretches]
            tops.append([below + rate for below, rate in zip(tops[-1], rates, strict=True)])
        most = round_up(max(tops[-1], default=0.0))
        self._heading("events per second", layers)
        self._axis([(0.0, "0"), (0.5, f"{most / 2:,g}"), (1.0, f"{most:,g}")])
        for name, low, high in zip(layers, tops[:-1], tops[1:], strict=True):
            upper, lower = _steps(stretches, high), _steps(stretches, low)
            path = self._path([*upper, *reversed(lower)], most)
            self._parts.append(f'<path class="fill {name}" d="{path}Z"/>')
        self._y += _PANEL + _GAP

    def lag(self) -> None:
        """Draw the number of events that are not counted yet; a gap where no worker reported it."""
        pulses = sorted(self._evidence.pulses, key=lambda pulse: pulse.t)
        most = round_up(max((pulse.lag or 0 for pulse in pulses), default=0))
        self._heading("lag, events not counted yet")
        self._axis([(0.0, "0"), (0.5, f"{most / 2:,g}"), (1.0, f"{most:,g}")])
        run: list[tuple[float, float]] = []
        for pulse in pulses:
            if pulse.lag is not None:
                run.append((pulse.t, pulse.lag))
                continue
            self._line("lag", run, most)
            run = []
        self._line("lag", run, most)
        self._y += _PANEL + _GAP

    def latency(self, stretches: Sequence[Bin]) -> None:
        """Draw the longest answer time, on a logarithmic scale."""
        longest = max((each.latency_seconds or 0.0 for each in stretches), default=0.0)
        decades = 1
        while _LATENCY_FLOOR * 10**decades < longest:
            decades += 1
        labels = [f"{10**i:g} ms" if i < 3 else f"{10 ** (i - 3):g} s" for i in range(decades + 1)]
        self._heading("longest answer")
        self._axis([(i / decades, label) for i, label in enumerate(labels)])
        for each in stretches:
            if each.latency_seconds is None:
                continue
            height = log10(max(each.latency_seconds / _LATENCY_FLOOR, 1.0)) / decades * _PANEL
            left, right = self.x(each.begin), self.x(each.end)
            self._parts.append(
                f'<rect class="latency" x="{left:.1f}" width="{max(right - left - 0.4, 0.6):.1f}" '
                f'y="{self._y + _PANEL - height:.1f}" height="{max(height, 1.0):.1f}"><title>'
                f"{each.begin:.0f} s: {each.latency_seconds * 1000:,.0f} ms</title></rect>"
            )
        self._y += _PANEL + _GAP

    def finish(self, verdict: Verdict) -> str:
        """Return the picture, with the marks that concern all panels behind and over them."""
        bottom = self._y - _GAP + 8
        height = bottom + 30
        return (
            f'<svg viewBox="0 0 {_WIDTH:g} {height:.0f}" role="img" '
            f'aria-label="FaultInjector, rates, lag and latency over time">'
            f"{self._windows(bottom)}{self._clock(bottom)}{''.join(self._parts)}"
            f"{self._marks(bottom)}{self._wrongs(verdict, bottom)}</svg>"
        )

    def _bars(self, faults: list[FaultSpan], middle: float) -> None:
        for i, fault in enumerate(faults):
            left, right = self.x(fault.begin), self.x(fault.end)
            width = max(right - left, 3.0)
            following = self.x(faults[i + 1].begin) if i + 1 < len(faults) else _WIDTH - _RIGHT
            ends = "the end" if fault.end == inf else f"{fault.end:.1f} s"
            title = f"{fault.kind} {fault.target}, {fault.begin:.1f} s to {ends} {fault.detail}"
            self._parts.append(
                f'<rect class="bar {_COLOURS.get(fault.kind, "other")}" x="{left:.1f}" rx="2" '
                f'y="{middle - _BAR / 2:.1f}" width="{width:.1f}" height="{_BAR:g}">'
                f"<title>{escape(title.strip())}</title></rect>"
            )
            wide = len(fault.kind) * _LETTER + 8
            if wide <= width:
                place, style = left + 4, "inside"
            elif left + width + wide <= following:
                place, style = left + width + 3, "beside"
            else:
                continue
            self._parts.append(
                f'<text class="{style}" x="{place:.1f}" y="{middle + 3.5:.1f}">'
                f"{escape(fault.kind)}</text>"
            )

    def _heading(self, text: str, layers: Sequence[str] = ()) -> None:
        self._parts.append(f'<text class="head" x="{_LEFT}" y="{self._y - 8:.1f}">{text}</text>')
        x = _LEFT + len(text) * 7.5 + 18
        for name in layers:
            self._parts.append(
                f'<rect class="fill {name}" x="{x:.1f}" y="{self._y - 17:.1f}" width="10" '
                f'height="10" rx="2"/><text class="beside" x="{x + 15:.1f}" '
                f'y="{self._y - 8:.1f}">{name}</text>'
            )
            x += len(name) * _LETTER + 36

    def _axis(self, ticks: Iterable[tuple[float, str]]) -> None:
        for share, label in ticks:
            y = self._y + _PANEL * (1 - share)
            self._parts.append(
                f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" '
                f'y2="{y:.1f}"/><text class="row" x="{_LEFT - 10}" y="{y + 4:.1f}">{label}</text>'
            )

    def _line(self, name: str, points: Points, most: float) -> None:
        if points:
            (first, _), (last, _) = points[0], points[-1]
            area = self._path([(first, 0.0), *points, (last, 0.0)], most)
            self._parts.append(
                f'<path class="under {name}" d="{area}Z"/>'
                f'<path class="line {name}" d="{self._path(points, most)}"/>'
            )

    def _path(self, points: Points, most: float) -> str:
        places = (
            f"{self.x(t):.1f},{self._y + _PANEL * (1 - value / most):.1f}" for t, value in points
        )
        return "M" + "L".join(places) if points else "M0,0"

    def _windows(self, bottom: float) -> str:
        return "".join(
            f'<rect class="unable" x="{self.x(begin):.1f}" y="{_TOP - 4:g}" '
            f'width="{max(self.x(end) - self.x(begin), 1.0):.1f}" '
            f'height="{bottom - _TOP + 4:.1f}"><title>Kafka could store nothing, {begin:.1f} s to '
            f'{end:.1f} s</title></rect><text class="unable" x="{self.x(begin) + 4:.1f}" '
            f'y="{_TOP - 8:g}">Kafka can\'t store</text>'
            for begin, end in self._evidence.unable
        )

    def _clock(self, bottom: float) -> str:
        step = next(
            s
            for s in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 10**9)
            if self._seconds / s <= 16
        )
        times = range(0, int(self._seconds) + 1, step)
        return "".join(
            f'<line class="tick" x1="{self.x(t):.1f}" x2="{self.x(t):.1f}" y1="{_TOP - 4:g}" '
            f'y2="{bottom:.1f}"/><text class="clock" x="{self.x(t):.1f}" y="{bottom + 18:.1f}">'
            f"{t // 60}:{t % 60:02}</text>"
            for t in times
        )

    def _marks(self, bottom: float) -> str:
        settled = self._evidence.settled
        marks = (
            ("healed", self._evidence.healed),
            ("settled", None if settled is None else settled.t),
        )
        return "".join(
            f'<line class="mark" x1="{self.x(t):.1f}" x2="{self.x(t):.1f}" y1="{_TOP - 10:g}" '
            f'y2="{bottom:.1f}"/><text class="mark" x="{self.x(t) - 4:.1f}" '
            f'y="{11 + 12 * row}">{name}</text>'
            for row, (name, t) in enumerate(marks)
            if t is not None
        )

    def _wrongs(self, verdict: Verdict, bottom: float) -> str:
        return "".join(
            f'<path class="wrong" d="M{self.x(f.t):.1f},{bottom:.1f}l-5,9h10Z">'
            f"<title>{escape(str(f))}</title></path>"
            for f in verdict.findings[:200]
        )


def draw(evidence: Evidence, verdict: Verdict) -> str:
    """Return the whole picture as SVG."""
    drawing, stretches = Drawing(evidence), bins(evidence)
    drawing.faults(evidence.faults)
    drawing.rates(stretches)
    drawing.lag()
    drawing.latency(stretches)
    return drawing.finish(verdict)


def _steps(stretches: Sequence[Bin], values: Sequence[float]) -> list[tuple[float, float]]:
    return [
        point
        for each, value in zip(stretches, values, strict=True)
        for point in ((each.begin, value), (each.end, value))
    ]


def _tier_first(target: str) -> tuple[int, str]:
    tier = next((i for i, name in enumerate(_TIERS) if target.startswith(name)), len(_TIERS))
    return (tier, target)
