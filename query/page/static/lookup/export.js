// Download all domains with a status, as CSV.

import { needsKey } from "../net/api_fetch.js";
import { goodFetch, inWords, patiently } from "../net/refusals.js";

const MEGABYTE = 1_000_000;
const END_BYTES = 1000; // more than the last line has

export function startExport() {
  const form = document.querySelector("#export-form");
  const problem = document.querySelector("#export-problem");
  const progress = document.querySelector("#export-progress");
  const button = form.querySelector("button");

  // A browser writes the answer to a form straight to disk, but sends no key with it.
  form.addEventListener("submit", async (event) => {
    problem.textContent = "";
    if (!needsKey()) return;
    event.preventDefault();
    button.disabled = true;
    let bytes = 0;
    const count = (more) => {
      bytes += more;
      progress.textContent = `Downloading: ${(bytes / MEGABYTE).toFixed(1)} MB`;
    };
    try {
      const query = new URLSearchParams(new FormData(form));
      save(await downloadAll(query, count), `${query.get("status").replace(" ", "-")}.csv`);
    } catch (error) {
      problem.textContent = `No download at the moment. ${inWords(error)}`;
    }
    progress.textContent = "";
    button.disabled = false;
  });
}

// The whole file: a node may end a download early, and its last line has the cursor of the rest.
async function downloadAll(query, count) {
  const pieces = [];
  const totals = {};
  for (;;) {
    const { head, lines, end } = await patiently(() => readPart(query, count));
    pieces.push(...(pieces.length ? [lines] : [head, lines]));
    for (const [status, many] of Object.entries(end.totals)) totals[status] = (totals[status] ?? 0) + many;
    if (end.complete) {
      const last = JSON.stringify({ complete: true, totals, cursor: null });
      return new Blob([...pieces, `# ${last}\n`], { type: "text/csv" });
    }
    if (end.cursor === query.get("cursor")) throw new Error("It does not go on. Please try again.");
    query.set("cursor", end.cursor);
  }
}

async function readPart(query, count) {
  const response = await goodFetch(`/domains?${query}`);
  const counter = new TransformStream({
    transform(chunk, on) {
      count(chunk.byteLength);
      on.enqueue(chunk);
    },
  });
  const part = await new Response(response.body.pipeThrough(counter)).blob();
  const start = await part.slice(0, END_BYTES).text();
  const tail = await part.slice(-END_BYTES).text();
  const headBytes = start.indexOf("\n") + 1;
  const last = /(?:^|\n)(# (\{.*\})\n)$/.exec(tail);
  if (!last) throw new Error("It was interrupted. Please try again.");
  return {
    head: part.slice(0, headBytes),
    lines: part.slice(headBytes, part.size - last[1].length), // all lines are ASCII
    end: JSON.parse(last[2]),
  };
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
