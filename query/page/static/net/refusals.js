// Put in words why a request has no answer, and repeat requests that may succeed later.

import { apiFetch } from "./api_fetch.js";

const LATER = [408, 429, 502, 503, 504];
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10000;
const PATIENCE_MS = 60000;

// The node explains its refusals itself. These come from a server in front of it, as HTML or empty.
const WORDS = {
  502: "A server in front of the node cannot reach it (502).",
  503: "A server in front of the node has no node for this request at the moment (503).",
  504: "A server in front of the node did not get its answer in time (504).",
};

export class Refusal extends Error {
  constructor(message, response) {
    super(message);
    this.later = LATER.includes(response.status);
    this.retryMs = 1000 * (Number(response.headers.get("Retry-After")) || 0);
  }
}

// The refusal that `response` is.
export async function refusalOf(response) {
  let words = WORDS[response.status] ?? `The request was refused with the status ${response.status}.`;
  if (/json/.test(response.headers.get("Content-Type"))) {
    try {
      words = (await response.json()).detail ?? words;
    } catch {
      // Not JSON after all.
    }
  }
  return new Refusal(words, response);
}

// Like apiFetch, but throws a Refusal unless the response is good.
export async function goodFetch(address, options) {
  const response = await apiFetch(address, options);
  if (!response.ok) throw await refusalOf(response);
  return response;
}

// The reason for any error of a request, as a sentence.
export function inWords(error) {
  if (error instanceof TypeError) return "The node cannot be reached.";
  if (error instanceof SyntaxError) return "The answer does not come from the node.";
  if (error.name === "TimeoutError") return "The node did not answer in time.";
  return error.message;
}

// Call `request` until it succeeds, it is refused for good, or a minute has passed.
export async function patiently(request, signal) {
  const until = Date.now() + PATIENCE_MS;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await request();
    } catch (error) {
      const later = error instanceof TypeError || error.name === "TimeoutError" || error.later;
      const waitMs = Math.max(pauseMs, error.retryMs ?? 0);
      if (!later || signal?.aborted || Date.now() + waitMs > until) throw error;
      await new Promise((resume) => setTimeout(resume, waitMs));
      signal?.throwIfAborted();
    }
  }
}
