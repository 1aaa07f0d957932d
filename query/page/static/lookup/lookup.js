// Look up one domain without a reload, and keep its card up to date.
//
// The server renders the card, also for visitors without JavaScript: this script takes it from the
// page that the form would have loaded. After that only the numbers and the status change.

import { apiFetch, wasRefused } from "../net/api_fetch.js";
import { inWords, refusalOf } from "../net/refusals.js";
import { number } from "../numbers.js";
import { domainIn } from "./names.js";

const REFRESH_MS = 5000;
const LIMIT_MS = 10000;

export function startLookup() {
  const form = document.querySelector("#lookup-form");
  const input = form.elements.domain;
  const place = document.querySelector("#answer");
  const title = document.title;
  let request = new AbortController();

  const card = () => place.querySelector(".card[data-domain]");

  // A tab and the history show what was looked up.
  function showTitle() {
    const shown = card();
    document.title = shown
      ? `${shown.querySelector("h3").textContent}: ${shown.dataset.status} - catchall`
      : title;
  }

  async function lookUp(typed, { remember = true } = {}) {
    request.abort();
    request = new AbortController();
    const { signal } = request;
    const address = `/?domain=${encodeURIComponent(typed)}`;
    input.value = typed;
    place.setAttribute("aria-busy", "true");
    try {
      const response = await apiFetch(address, { signal, limitMs: LIMIT_MS });
      const page = new DOMParser().parseFromString(await response.clone().text(), "text/html");
      const found = page.querySelector("#answer");
      if (signal.aborted) return;
      if (!found) throw response.ok ? new SyntaxError("not our page") : await refusalOf(response);
      place.replaceChildren(...found.childNodes);
    } catch (error) {
      if (signal.aborted) return; // replaced by a newer request
      place.replaceChildren(noAnswer(inWords(error)));
    }
    place.removeAttribute("aria-busy");
    showTitle();
    input.setAttribute("aria-invalid", String(place.querySelector(".problem") !== null));
    if (remember) history.pushState({ typed }, "", address);
  }

  // Update the card, if it shows this domain. Counts never go back.
  function update(answer) {
    const shown = card();
    if (!shown || shown.dataset.domain !== answer.domain) return;
    const total = answer.delivered + answer.bounced;
    if (total < Number(shown.dataset.total ?? 0)) return;
    shown.dataset.total = total;
    shown.dataset.status = answer.status;
    showTitle();
    for (const element of shown.querySelectorAll("[data-for]"))
      element.toggleAttribute("hidden", element.dataset.for !== answer.status);
    for (const field of ["delivered", "bounced"])
      for (const element of shown.querySelectorAll(`[data-field=${field}]`))
        element.textContent = number.format(answer[field]);
    const share = Math.min(1, answer.delivered / Number(shown.dataset.needed));
    shown.querySelector(".fill").setAttribute("width", `${(100 * share).toFixed(1)}%`);
  }

  // Read the counts again: the node pushes changes of status, but not of counts.
  async function refresh() {
    const domain = card()?.dataset.domain;
    if (!domain || document.visibilityState !== "visible") return;
    try {
      // A browser may cache a final answer for ever, but its counts still grow.
      const options = { cache: "no-store", limitMs: LIMIT_MS };
      const response = await apiFetch(`/domains/${domain}`, options);
      if (response.ok) update(await response.json());
    } catch {
      // The banner reports that the node cannot be reached.
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    lookUp(domainIn(input.value));
  });
  addEventListener("popstate", () => {
    const typed = new URLSearchParams(location.search).get("domain");
    if (typed !== null) lookUp(typed, { remember: false });
    else place.replaceChildren();
    showTitle();
  });
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
  if (wasRefused(place.querySelector(".problem"))) lookUp(input.value, { remember: false });
  showTitle();
  setInterval(refresh, REFRESH_MS);
  return { lookUp, update, refresh };
}

function noAnswer(why) {
  const problem = document.createElement("div");
  problem.className = "card problem";
  const title = document.createElement("h3");
  title.textContent = "No answer at the moment";
  const detail = document.createElement("p");
  detail.textContent = `${why} Please try again.`;
  problem.append(title, detail);
  return problem;
}
