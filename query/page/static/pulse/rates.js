// Show the last five minutes of the pipeline: the whole at once, then every two seconds while visible.

import { clock } from "../clock.js";
import { goodFetch } from "../net/refusals.js";
import { compact, fine, whole } from "../numbers.js";
import { chart, WINDOW_SECONDS } from "./charts.js";

const EVERY_MS = 2000;
const LIMIT_MS = 5000;
const MISSED = 2.5; // no line across an interval in which so many points are missing
const FIELDS = ["events_in", "rows_written", "p50", "p95", "lag", "events_refused", "questions_refused"];

const amount = (value) => (value < 10 ? fine : whole).format(value);
const short = (value) => (value < 10_000 ? amount(value) : compact.format(value));
const seconds = (value) => (value < 1 ? `${whole.format(value * 1000)} ms` : `${fine.format(value)} s`);

export function startRates({ connection }) {
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

  function add({ at, rates, delay, lag }, gapSeconds) {
    const last = history.at.at(-1);
    if (at - last > gapSeconds) push(last + 1, {});
    push(at, { ...rates, p50: delay?.p50_seconds, p95: delay?.p95_seconds, lag });
  }

  function push(at, values) {
    history.at.push(at);
    for (const field of FIELDS) history[field].push(values[field] ?? null);
    // Keep a point beyond the left edge, so that the line leaves the chart.
    while (history.at[1] < at - WINDOW_SECONDS)
      for (const column of Object.values(history)) column.shift();
  }

  function show() {
    for (const [draw, fields] of charts) draw([history.at, ...fields.map((f) => history[f])]);
    const now = Object.fromEntries(FIELDS.map((field) => [field, history[field].at(-1)]));
    showNow("rates", now.events_in, amount);
    showNow("lag", now.lag, amount);
    showNow("delay", now.p95, seconds);
    const refusals = [now.events_refused, now.questions_refused].filter((n) => n !== null);
    showNow("refused", refusals.length ? refusals.reduce((sum, n) => sum + n, 0) : null, amount);
    age.textContent = `As of ${clock(new Date(history.at.at(-1) * 1000))}`;
  }

  function showNow(name, value, format) {
    const now = figure(name).querySelector("[data-now]");
    now.classList.toggle("no-data", value === null);
    now.textContent = value === null ? "no data yet" : format(value);
  }

  async function refresh() {
    const after = history.at.length ? `?after=${history.at.at(-1)}` : "";
    try {
      const response = await goodFetch(`/rates${after}`, { limitMs: LIMIT_MS });
      const { every_seconds, points } = await response.json();
      for (const point of points) add(point, MISSED * every_seconds);
      if (points.length) show();
      connection.back("pulse");
    } catch {
      connection.lost("pulse", 0);
    }
  }

  whileVisible(refresh, EVERY_MS);
}

// Call `refresh` again and again, with a pause after each call, while the page is visible.
export async function whileVisible(refresh, everyMs) {
  for (;;) {
    if (document.visibilityState === "visible") await refresh();
    await new Promise((resume) => setTimeout(resume, everyMs));
  }
}
