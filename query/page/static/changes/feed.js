// Follow the changes with one stream per browser: the tab that holds a lock reads it for all tabs.
//
// Every tab knows the position after the last message. When the reading tab is closed, the browser
// gives the lock to the next one, which resumes there. A new tab gets the list of the reading tab.

import { newKey, tryFetch } from "../net/api_fetch.js";
import { blocksOf } from "../net/event_stream.js";

const NAME = "catchall-changes";
const RECENT = 100;
const SILENT_MS = 40000; // a node sends something every 15 s: then the stream, or its tab, is dead
const CHECK_MS = 5000;
const REFUSED_MS = 3000;
const TURN_MS = 1000;

// `on` has list(rows), change(answer, at), gap(), late(late), back() and lost(); `rowsOf()` returns the
// rows so far, as list() takes them: {answer, at}, or {gap: true, at}.
export function followChanges(on, rowsOf) {
  const me = crypto.getRandomValues(new Uint32Array(2)).join(".");
  // Only pages from https or from this machine have locks: any other tab reads a stream of its own.
  const channel = navigator.locks ? new BroadcastChannel(NAME) : null;
  let lastId = "";
  let late = false;
  let connected = false;
  let heardAt = Date.now();
  let leads = false;
  let steals = false;

  function apply(message) {
    heardAt = Date.now();
    if (message.lastId) lastId = message.lastId;
    if (message.rows) on.list(message.rows);
    for (const { name, data, at } of message.events ?? []) {
      if (name === "message") on.change(data, at);
      else if (name === "resync") on.gap(at);
    }
    if (message.late !== undefined) on.late((late = message.late));
    if (message.connected !== undefined) {
      connected = message.connected;
      if (connected) on.back();
      else on.lost();
    }
  }

  function share(message) {
    apply(message);
    channel?.postMessage(message);
  }

  function hear(message) {
    const isNew = message.hello !== undefined;
    if (isNew && leads) channel.postMessage({ to: message.hello, rows: rowsOf(), late, connected, lastId });
    else if (!isNew && (message.to ?? me) === me) apply(message);
  }

  channel?.addEventListener("message", ({ data }) => hear(data));

  // Read streams, one after the other. Return when the turn ends, or the refusal of the key.
  async function lead(turn) {
    leads = true;
    let retryMs = 1000;
    while (!turn.aborted) {
      let pauseMs = 0;
      const silence = new AbortController();
      let timer = 0;
      const listen = () => {
        clearTimeout(timer);
        timer = setTimeout(() => silence.abort(), SILENT_MS);
      };
      try {
        listen();
        const { response, refusal } = await tryFetch(lastId ? "/changes" : `/changes?recent=${RECENT}`, {
          headers: lastId ? { "Last-Event-ID": lastId } : {},
          cache: "no-store",
          signal: AbortSignal.any([turn, silence.signal]),
        });
        if (refusal) return refusal;
        if (response.status === 400) lastId = ""; // this node cannot resume from there
        if (!response.ok) pauseMs = REFUSED_MS;
        else
          for await (const blocks of blocksOf(response.body)) {
            listen();
            retryMs = blocks.findLast((block) => block.retryMs !== null)?.retryMs ?? retryMs;
            share(messageOf(blocks));
          }
      } catch {
        // The stream broke, or never began.
      } finally {
        clearTimeout(timer);
      }
      if (turn.aborted) break;
      share({ connected: false });
      await pause(pauseMs || retryMs);
    }
    return null;
  }

  // Wait for the lock, then lead. A visible tab that hears nothing takes the lock from the one that has
  // it: a browser may suspend a tab. Return the refusal of the key, if there is one.
  async function takeTurn() {
    const turn = new AbortController();
    const waiting = new AbortController();
    const watch = setInterval(() => {
      const isSilent = Date.now() - heardAt > SILENT_MS;
      if (isSilent && document.visibilityState === "visible") waiting.abort();
    }, CHECK_MS);
    const options = steals ? { steal: true } : { signal: waiting.signal };
    try {
      return await navigator.locks.request(NAME, options, () => {
        clearInterval(watch);
        return lead(turn.signal);
      });
    } catch {
      await pause(TURN_MS); // another tab has stolen the lock, or it is silent
      return null;
    } finally {
      steals = waiting.signal.aborted;
      leads = false;
      clearInterval(watch);
      turn.abort();
    }
  }

  async function run() {
    for (;;) {
      const refusal = await (channel ? takeTurn() : lead(new AbortController().signal));
      if (refusal) await newKey(refusal);
    }
  }

  channel?.postMessage({ hello: me });
  run();
}

const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

// What all tabs need to know of some blocks.
function messageOf(blocks) {
  const message = { events: [] };
  for (const { id, name, data } of blocks) {
    if (id !== null) {
      message.lastId = id;
      message.connected = true;
    }
    if (data === null) continue;
    const value = JSON.parse(data);
    if (name === "late") message.late = value.late;
    else if (name === "recent") message.rows = value.map(({ at, answer }) => ({ answer, at: at * 1000 }));
    else message.events.push({ name, data: value, at: Date.now() });
  }
  return message;
}
