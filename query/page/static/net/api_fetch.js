// Send requests to the node, with an API key if it requires one.
//
// The page shows the form for the key after the first 401 or 403. The key is stored until the tab
// is closed, and is sent in the Authorization header only.

const STORAGE_KEY = "catchall-key";
const REFUSED = [401, 403];

let key = readKey();
let submitted = null; // while the form is open: a promise that the next key resolves

// Like fetch; `limitMs` is the timeout of each attempt. A refused key is asked for again.
export async function apiFetch(address, options = {}) {
  for (;;) {
    const { response, refusal } = await tryFetch(address, options);
    if (!refusal) return response;
    await newKey(refusal);
    options.signal?.throwIfAborted();
  }
}

// Fetch once. If the key is refused, the result has a `refusal` for newKey().
export async function tryFetch(address, { limitMs, signal, headers, ...options } = {}) {
  const used = key;
  const limits = [signal, limitMs && AbortSignal.timeout(limitMs)].filter(Boolean);
  const response = await fetch(address, {
    ...options,
    headers: used ? { ...headers, Authorization: `Bearer ${used}` } : headers,
    signal: AbortSignal.any(limits),
  });
  const { status } = response;
  return { response, refusal: REFUSED.includes(status) ? { status, used } : null };
}

// Wait for another key than the one that was refused.
export async function newKey({ status, used }) {
  if (used === key) await requestKey(status);
}

// Whether requests need a key: the browser itself sends none, for instance with a form.
export const needsKey = () => key !== null || submitted !== null;

// Whether the node refused the request of the page itself, before this script ran.
export const wasRefused = (problem) =>
  ["unauthorized", "scope_missing"].includes(problem?.dataset.code);

function requestKey(status) {
  const form = document.querySelector("#access-form");
  const section = document.querySelector("#access");
  const problem = document.querySelector("#access-problem");
  const missing = `This key does not have the ${form.dataset.scopes}.`;
  if (key) problem.textContent = status === 403 ? missing : "This key is not valid.";
  storeKey(null);
  if (submitted) return submitted;
  section.hidden = false;
  const input = form.querySelector("input");
  if (problem.textContent || document.activeElement === document.body) input.focus();
  submitted = new Promise((resolve) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      const typed = input.value.trim();
      if (!/^[!-~]+$/.test(typed)) {
        problem.textContent = "This is not a key. A key has visible ASCII characters only.";
        return;
      }
      storeKey(typed);
      input.value = "";
      problem.textContent = "";
      section.hidden = true;
      submitted = null;
      resolve();
    };
  });
  return submitted;
}

function readKey() {
  try {
    return sessionStorage.getItem(STORAGE_KEY);
  } catch {
    return null; // a browser may forbid storage: then the key lasts until the next page
  }
}

function storeKey(value) {
  key = value;
  try {
    if (value === null) sessionStorage.removeItem(STORAGE_KEY);
    else sessionStorage.setItem(STORAGE_KEY, value);
  } catch {
    // As above.
  }
}
