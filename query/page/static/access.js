// Ask the node for things, with a key where it wants one.
//
// The key is asked for once the node has said that it needs one. It stays in this tab until the tab
// is closed, and goes nowhere but into a header.

const PLACE = "catchall-key";
const REFUSED = [401, 403];

let key = read();
let answered = null; // while somebody is asked for a key: resolved once there is one

// As fetch does it; `limitMs` is the time that an answer may take, for each try anew.
export async function ask(address, { limitMs, signal, headers, ...options } = {}) {
  for (;;) {
    const used = key;
    const limits = [signal, limitMs && AbortSignal.timeout(limitMs)].filter(Boolean);
    const response = await fetch(address, {
      ...options,
      headers: used ? { ...headers, Authorization: `Bearer ${used}` } : headers,
      signal: AbortSignal.any(limits),
    });
    if (!REFUSED.includes(response.status)) return response;
    if (used === key) await newKey(response.status);
    if (signal?.aborted) throw signal.reason;
  }
}

// Whether the node has refused what was asked before this script ran.
export const wasRefused = (problem) =>
  ["unauthorized", "scope_missing"].includes(problem?.dataset.code);

function newKey(status) {
  const form = document.querySelector("#access-form");
  const section = document.querySelector("#access");
  const problem = document.querySelector("#access-problem");
  if (key) problem.textContent = status === 403 ? "This key is not for asking." : "This key is not valid.";
  keep(null);
  if (answered) return answered;
  section.hidden = false;
  const input = form.querySelector("input");
  if (problem.textContent || document.activeElement === document.body) input.focus();
  answered = new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      const typed = input.value.trim();
      if (!/^[!-~]+$/.test(typed)) {
        problem.textContent = "This is no key: one has visible ASCII characters alone.";
        return;
      }
      keep(typed);
      input.value = "";
      problem.textContent = "";
      section.hidden = true;
      answered = null;
      resolve();
    };
  });
  return answered;
}

function read() {
  try {
    return sessionStorage.getItem(PLACE);
  } catch {
    return null; // a browser may keep nothing; then the key lasts until the next page
  }
}

function keep(value) {
  key = value;
  try {
    if (value === null) sessionStorage.removeItem(PLACE);
    else sessionStorage.setItem(PLACE, value);
  } catch {
    // As above.
  }
}
