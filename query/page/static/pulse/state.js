// Show the state of every partition and process, for operators: read every two seconds while visible.

import { goodFetch } from "../net/refusals.js";
import { whole } from "../numbers.js";
import { whileVisible } from "./rates.js";

const EVERY_MS = 2000;
const LIMIT_MS = 5000;
const SVG = "http://www.w3.org/2000/svg";

export function startState({ connection }) {
  const section = document.querySelector("#state");
  const list = section.querySelector("#targets");

  async function refresh() {
    try {
      const pulse = await (await goodFetch("/pulse", { limitMs: LIMIT_MS })).json();
      drawPartitions(section, pulse);
      drawTargets(list, pulse);
      connection.back("state");
    } catch {
      connection.lost("state", 0);
    }
  }

  whileVisible(refresh, EVERY_MS);
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
