// Show the state of the pipeline: read every two seconds while the page is visible.

import { apiFetch } from "../net/api_fetch.js";
import { chart, WINDOW_SECONDS } from "./charts.js";
import { clock } from "../clock.js";

const EVERY_MS = 2000;
const LIMIT_MS = 5000;
const GAP_SECONDS = 8; // no line across an interval without data
const FIELDS = ["events_in", "rows_written", "p50", "p95", "lag", "events_refused", "questions_refused"];
const SVG = "http://www.w3.org/2000/svg";

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const amount = (value) => (value < 10 ? fine : whole).format(value);
const short = (value) => (value < 10_000 ? amount(value) : compact.format(value));
const seconds = (value) => (value < 1 ? `${whole.format(value * 1000)} ms` : `${fine.format(value)} s`);

export function startPulse({ connection }) {
  const section = document.querySelector("#pulse");
  const age = section.querySelector("#pulse-age");
  const figure = (name) => section.querySelector(`#chart-${name}`);
  const history = { at: [], ...Object.fromEntries(FIELDS.map((field) => [field, []])) };
  const dash = [5, 4];
  const charts = [
    [
      chart(figure("rates"), [
        { label: "events in", colour: "--line-a" },
        { label: "rows written", colour: "--line-b", dash },
      ], short),
      ["events_in", "rows_written"],
    ],
    [
      chart(figure("delay"), [
        { label: "P95", colour: "--line-a" },
        { label: "P50", colour: "--line-b", dash },
      ], seconds),
      ["p95", "p50"],
    ],
    [chart(figure("lag"), [{ label: "records", colour: "--line-a" }], short), ["lag"]],
    [
      chart(figure("refused"), [
        { label: "events", colour: "--line-c" },
        { label: "questions", colour: "--line-b", dash },
      ], short),
      ["events_refused", "questions_refused"],
    ],
  ];

  function record(pulse) {
    const lags = pulse.partitions.map((p) => p.lag).filter((lag) => lag !== null);
    const now = {
      ...pulse.rates,
      p50: pulse.delay?.p50_seconds ?? null,
      p95: pulse.delay?.p95_seconds ?? null,
      lag: lags.length ? lags.reduce((sum, lag) => sum + lag, 0) : null,
    };
    if (pulse.at - history.at.at(-1) > GAP_SECONDS) push(history.at.at(-1) + 1, {});
    push(pulse.at, now);
    for (const [draw, fields] of charts) draw([history.at, ...fields.map((f) => history[f])]);
    showNow("rates", now.events_in, amount);
    showNow("lag", now.lag, amount);
    showNow("delay", now.p95, seconds);
    const refusals = [now.events_refused, now.questions_refused].filter((n) => n !== null);
    showNow("refused", refusals.length ? refusals.reduce((sum, n) => sum + n, 0) : null, amount);
  }

  function push(at, values) {
    history.at.push(at);
    for (const field of FIELDS) history[field].push(values[field] ?? null);
    // Keep some points beyond the left edge, so that the line leaves the chart.
    while (history.at[0] < at - WINDOW_SECONDS - GAP_SECONDS)
      for (const column of Object.values(history)) column.shift();
  }

  function showNow(name, value, format) {
    const now = figure(name).querySelector("[data-now]");
    now.classList.toggle("no-data", value === null);
    now.textContent = value === null ? "no data yet" : format(value);
  }

  async function refresh() {
    try {
      const response = await apiFetch("/pulse", { limitMs: LIMIT_MS });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const pulse = await response.json();
      record(pulse);
      drawPartitions(section, pulse);
      drawTargets(section.querySelector("#targets"), pulse);
      age.textContent = `As of ${clock(new Date(pulse.at * 1000))}`;
      connection.back("pulse");
    } catch {
      connection.lost("pulse", 0);
    }
  }

  async function run() {
    for (;;) {
      if (document.visibilityState === "visible") await refresh();
      await new Promise((resume) => setTimeout(resume, EVERY_MS));
    }
  }
  run();
}

function drawPartitions(section, { partitions, failing }) {
  const bars = section.querySelector("#lag-bars");
  const empty = section.querySelector("#lag-empty");
  empty.hidden = partitions.length > 0;
  empty.textContent = failing.kafka ? `Kafka does not answer: ${failing.kafka}.` : empty.textContent;
  bars.toggleAttribute("hidden", partitions.length === 0);
  bars.setAttribute("viewBox", `0 0 ${partitions.length * 10} 100`);
  const highest = Math.max(100, ...partitions.map((p) => p.lag ?? 0));
  bars.replaceChildren(
    ...partitions.map((p, index) => {
      const bar = document.createElementNS(SVG, "rect");
      const height = Math.max(2, (100 * (p.lag ?? 0)) / highest);
      const at = { x: index * 10 + 1, y: 100 - height, width: 8, height };
      for (const [key, value] of Object.entries(at)) bar.setAttribute(key, value);
      if (p.lag === null) bar.setAttribute("class", "no-data");
      const title = document.createElementNS(SVG, "title");
      title.textContent = `partition ${p.partition}: ${p.lag === null ? "unknown" : whole.format(p.lag)}`;
      bar.append(title);
      return bar;
    }),
  );
  const words = lagWords(partitions);
  bars.setAttribute("aria-label", `Lag by partition. ${words}`);
  section.querySelector("#lag-words").textContent = words;
}

function lagWords(partitions) {
  const known = partitions.filter((p) => p.lag !== null);
  if (known.length === 0) return "";
  const worst = known.reduce((a, b) => (b.lag > a.lag ? b : a));
  const late = known.some((p) => p.lag_from === "committed");
  const source = late
    ? "Partly from committed offsets, which are up to half a minute old."
    : "As the workers report it.";
  const most = worst.lag ? `Highest: ${whole.format(worst.lag)}, partition ${worst.partition}.` : "All read.";
  return `${most} ${source}`;
}

function drawTargets(list, { targets, failing }) {
  const rows = targets.map((target) => {
    const state = !target.up ? "down" : target.ready ? "ready" : "not ready";
    return row(target.tier ?? "process", target.address, state, target.error);
  });
  rows.push(row("Kafka", "", failing.kafka ? "down" : "ready", failing.kafka));
  list.replaceChildren(...rows);
}

function row(name, address, state, why) {
  const line = document.createElement("li");
  line.dataset.state = state;
  for (const [tag, text] of [["b", name], ["code", address], ["span", why ? `${state}: ${why}` : state]])
    if (text) line.append(Object.assign(document.createElement(tag), { textContent: text }));
  return line;
}
