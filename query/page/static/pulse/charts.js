// Draw line charts of the last five minutes with uPlot, in the page's colours.

import { clock } from "../clock.js";
import uPlot from "../vendor/uplot/uPlot.esm.js";

export const WINDOW_SECONDS = 300;
const HEIGHT = 150;

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const clockOf = (seconds) => clock(new Date(seconds * 1000));

// Create a chart in `figure`; `lines` are {label, colour, dash}. Returns draw([times, ...values]).
export function chart(figure, lines, format) {
  const place = figure.querySelector(".plot");
  const axis = {
    stroke: () => colour("--dim"),
    grid: { stroke: () => colour("--rule"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  const plot = new uPlot(
    {
      width: Math.max(place.clientWidth, 200),
      height: HEIGHT,
      padding: [8, 20, 0, 0],
      legend: { markers: { stroke: (_, index) => `var(${lines[index - 1]?.colour})` } },
      cursor: { drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { range: () => [Date.now() / 1000 - WINDOW_SECONDS, Date.now() / 1000] },
        y: { range: (_, __, highest) => [0, highest > 0 ? highest * 1.1 : 1] },
      },
      axes: [
        { ...axis, size: 28, space: 56, values: (_, ticks) => ticks.map((t) => clockOf(t).slice(0, 5)) },
        { ...axis, size: 56, space: 34, values: (_, ticks) => ticks.map(format) },
      ],
      series: [
        { value: (_, seconds) => (seconds === null ? "" : clockOf(seconds)) },
        ...lines.map((line) => ({
          label: line.label,
          stroke: () => colour(line.colour),
          width: 1.75,
          dash: line.dash,
          points: { show: false },
          value: (_, value) => (value === null ? "–" : format(value)),
        })),
      ],
    },
    [[], ...lines.map(() => [])],
    place,
  );
  new ResizeObserver(() => {
    if (place.clientWidth > 0) plot.setSize({ width: place.clientWidth, height: HEIGHT });
  }).observe(place);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
  return (data) => {
    plot.setData(data);
    // While the cursor is not on the chart, the legend shows the newest values.
    if (plot.cursor.idx == null) plot.setLegend({ idx: data[0].length - 1 });
  };
}
