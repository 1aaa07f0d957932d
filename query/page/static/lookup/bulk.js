// Look up as many as 1,000 pasted names; show, filter, sort, copy and save the answers.

import { apiFetch } from "../net/api_fetch.js";
import { csv, namesIn, tsv } from "./csv.js";

const MAX_NAMES = 1000;
const LIMIT_MS = 30000;
const KINDS = ["catch-all", "not catch-all", "unknown", "refused"];
const COLUMNS = ["as pasted", "domain", "status", "delivered", "bounced", "threshold", "reason"];
const number = new Intl.NumberFormat("en");

export function startBulk() {
  const form = document.querySelector("#bulk-form");
  const names = document.querySelector("#names");
  const count = document.querySelector("#names-count");
  const submit = form.querySelector("button");
  const problem = document.querySelector("#bulk-problem");
  const results = document.querySelector("#results");
  const filters = document.querySelector("#filters");
  const body = document.querySelector("#rows");
  const empty = document.querySelector("#rows-empty");
  const copied = document.querySelector("#copied");
  let rows = [];
  let shown = "all";
  let order = { key: null, down: false };

  function countNames() {
    const found = namesIn(names.value).length;
    const tooMany = Math.max(0, found - MAX_NAMES);
    names.setAttribute("aria-invalid", String(tooMany > 0));
    count.classList.toggle("bad", tooMany > 0);
    submit.disabled = found === 0 || tooMany > 0;
    const named = found === 1 ? "1 name" : `${number.format(found)} names`;
    if (found === 0) count.textContent = "No names yet";
    else if (tooMany > 0) count.textContent = `${named}: ${number.format(tooMany)} too many`;
    else count.textContent = named;
  }

  async function lookUp(event) {
    event.preventDefault();
    const typed = namesIn(names.value);
    submit.disabled = true;
    problem.textContent = "";
    try {
      const response = await apiFetch("/domains", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ domains: typed }),
        limitMs: LIMIT_MS,
      });
      const answer = await response.json();
      if (!response.ok) throw new Error(answer.detail);
      show(answer.results.map((result, index) => rowOf(result, typed[index])));
    } catch (error) {
      const why = error instanceof TypeError ? "The node cannot be reached." : error.message;
      problem.textContent = `No answer at the moment. ${why}`;
    }
    countNames();
  }

  function show(found) {
    rows = found;
    shown = "all";
    order = { key: null, down: false };
    results.hidden = false;
    drawFilters();
    drawRows();
    document.querySelector("#results-title").focus();
  }

  function drawFilters() {
    const choices = ["all", ...KINDS].map((kind) => {
      const many = kind === "all" ? rows.length : rows.filter((row) => row.status === kind).length;
      const input = make("input", { type: "radio", name: "kind", value: kind });
      input.checked = kind === shown;
      input.disabled = many === 0;
      const label = make("label");
      const word = kind[0].toUpperCase() + kind.slice(1);
      label.append(input, make("span", {}, `${word} `), make("b", {}, number.format(many)));
      return label;
    });
    filters.replaceChildren(filters.querySelector("legend"), ...choices);
  }

  // The visible rows; copy and download use the same rows.
  function visible() {
    const found = shown === "all" ? [...rows] : rows.filter((row) => row.status === shown);
    const { key, down } = order;
    if (key !== null) found.sort((a, b) => (a[key] < b[key] ? -1 : Number(a[key] > b[key])));
    return down ? found.reverse() : found;
  }

  function drawRows() {
    const found = visible();
    body.replaceChildren(...found.map(drawRow));
    empty.hidden = found.length > 0;
    copied.textContent = "";
    for (const button of results.querySelectorAll("[data-sort]")) {
      const sorted = button.dataset.sort === order.key;
      const direction = order.down ? "descending" : "ascending";
      button.closest("th").setAttribute("aria-sort", sorted ? direction : "none");
    }
  }

  const table = () => [COLUMNS, ...visible().map((row) => row.cells)];

  async function copy() {
    const text = tsv(table());
    try {
      await navigator.clipboard.writeText(text);
      copied.textContent = "Copied";
    } catch {
      copied.textContent = "The browser does not allow copying. Use the download.";
    }
  }

  function download() {
    // Spreadsheets recognise UTF-8 by the byte order mark.
    const blob = new Blob(["\ufeff", csv(table())], { type: "text/csv;charset=utf-8" });
    const link = make("a", { href: URL.createObjectURL(blob), download: "domains.csv" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  names.addEventListener("input", countNames);
  form.addEventListener("submit", lookUp);
  filters.addEventListener("change", (event) => {
    shown = event.target.value;
    drawRows();
  });
  results.querySelector("thead").addEventListener("click", (event) => {
    const key = event.target.closest("[data-sort]")?.dataset.sort;
    if (!key) return;
    order = { key, down: order.key === key && !order.down };
    drawRows();
  });
  document.querySelector("#copy").addEventListener("click", copy);
  document.querySelector("#download").addEventListener("click", download);
  countNames(); // a browser may restore the text after a reload
}

function rowOf(result, typed) {
  if (result.error) {
    const { code, detail } = result.error;
    const cells = [typed, "", "refused", "", "", "", code];
    return { typed, domain: "", status: "refused", delivered: -1, bounced: -1, detail, cells };
  }
  const { domain, status, delivered, bounced, threshold, reason } = result;
  const cells = [typed, domain, status, delivered, bounced, threshold, reason];
  return { typed, domain, status, delivered, bounced, cells };
}

function drawRow(row) {
  const line = make("tr", { "data-status": row.status });
  const typed = make("th", { scope: "row" });
  typed.append(make("bdi", {}, row.typed));
  line.append(typed);
  if (row.detail) {
    line.append(make("td", { class: "detail", colspan: "4" }, row.detail));
  } else {
    line.append(
      make("td", {}, row.domain),
      make("td", { class: "status" }, row.status),
      make("td", { class: "number" }, number.format(row.delivered)),
      make("td", { class: "number" }, number.format(row.bounced)),
    );
  }
  return line;
}

function make(name, attributes = {}, text = "") {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}
