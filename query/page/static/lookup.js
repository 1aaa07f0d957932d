// Look one domain up without a reload, and keep what is shown of it up to date.
//
// The server draws the card, for readers with and without JavaScript alike: it is taken from the
// page that the form would have brought. From then on only numbers and the status change.

import { ask, wasRefused } from "./access.js";

const AGAIN_MS = 5000;
const LIMIT_MS = 10000;
const number = new Intl.NumberFormat("en");

export function startLookup() {
  const form = document.querySelector("#lookup-form");
  const input = form.elements.domain;
  const place = document.querySelector("#answer");
  let asking = new AbortController();

  const card = () => place.querySelector(".card[data-domain]");

  async function lookUp(typed, { remember = true } = {}) {
    asking.abort();
    asking = new AbortController();
    const { signal } = asking;
    const address = `/?domain=${encodeURIComponent(typed)}`;
    input.value = typed;
    place.setAttribute("aria-busy", "true");
    try {
      const response = await ask(address, { signal, limitMs: LIMIT_MS });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const found = page.querySelector("#answer");
      if (signal.aborted) return;
      if (!found) throw new Error(`status ${response.status}`);
      place.replaceChildren(...found.childNodes);
    } catch {
      if (signal.aborted) return; // another question came in between
      place.replaceChildren(unreachable());
    }
    place.removeAttribute("aria-busy");
    input.setAttribute("aria-invalid", String(place.querySelector(".problem") !== null));
    if (remember) history.pushState({ typed }, "", address);
  }

  // Bring the card up to date, if it is this domain's. Counts never go back.
  function update(answer) {
    const shown = card();
    if (!shown || shown.dataset.domain !== answer.domain) return;
    const total = answer.delivered + answer.bounced;
    if (total < Number(shown.dataset.total ?? 0)) return;
    shown.dataset.total = total;
    shown.dataset.status = answer.status;
    for (const element of shown.querySelectorAll("[data-for]"))
      element.toggleAttribute("hidden", element.dataset.for !== answer.status);
    for (const field of ["delivered", "bounced"])
      for (const element of shown.querySelectorAll(`[data-field=${field}]`))
        element.textContent = number.format(answer[field]);
    const share = Math.min(1, answer.delivered / Number(shown.dataset.needed));
    shown.querySelector(".fill").setAttribute("width", `${(100 * share).toFixed(1)}%`);
  }

  // Ask again for the counts: a change of status is pushed, a count alone is not.
  async function refresh() {
    const domain = card()?.dataset.domain;
    if (!domain || document.visibilityState !== "visible") return;
    try {
      // A final answer may be kept for good, but its counts move on.
      const options = { cache: "no-store", limitMs: LIMIT_MS };
      const response = await ask(`/domains/${domain}`, options);
      if (response.ok) update(await response.json());
    } catch {
      // The banner says that the node cannot be reached.
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    lookUp(input.value.trim());
  });
  addEventListener("popstate", () => {
    const typed = new URLSearchParams(location.search).get("domain");
    if (typed !== null) lookUp(typed, { remember: false });
    else place.replaceChildren();
  });
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
  if (wasRefused(place.querySelector(".problem"))) lookUp(input.value, { remember: false });
  setInterval(refresh, AGAIN_MS);
  return { lookUp, update, refresh };
}

function unreachable() {
  const problem = document.createElement("div");
  problem.className = "card problem";
  const title = document.createElement("h3");
  title.textContent = "No answer just now";
  const detail = document.createElement("p");
  detail.textContent = "The node cannot be reached. Please try again.";
  problem.append(title, detail);
  return problem;
}
