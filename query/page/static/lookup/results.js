// Show the answers to many names as a table: filter, sort, copy and save them.

import { number } from "../numbers.js";
import { csv, tsv } from "./csv.js";

const KINDS = ["catch-all", "not catch-all", "unknown", "refused"];
const COLUMNS = ["as pasted", "domain", "status", "delivered", "bounced", "threshold", "reason"];
const MAX_DRAWN = 1000; // a browser takes seconds to lay out a hundred thousand rows

export function startResults() {
  const results = document.querySelector("#results");
  const filters = document.querySelector("#filters");
  const body = document.querySelector("#rows");
  const empty = document.querySelector("#rows-empty");
  const cut = document.querySelector("#rows-cut");
  const copied = document.querySelector("#copied");
  let rows = [];
  let shown = "all";
  let order = { key: null, down: false };

  function clear() {
    rows = [];
    shown = "all";
    order = { key: null, down: false };
    results.hidden = true;
  }

  // Add the results for the names `typed`, in the same order.
  function add(found, typed) {
    rows.push(...found.map((result, index) => rowOf(result, typed[index])));
    results.hidden = false;
    drawFilters();
    drawRows();
  }

  const focus = () => document.querySelector("#results-title").focus();

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
    body.replaceChildren(...found.slice(0, MAX_DRAWN).map(drawRow));
    empty.hidden = found.length > 0;
    const left = found.length - MAX_DRAWN;
    cut.textContent =
      left > 0 ? `And ${number.format(left)} more: the download has all of them.` : "";
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
  return { clear, add, focus };
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
