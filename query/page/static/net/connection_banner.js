// Show a banner while the node cannot be reached, and when it can be reached again.

import { clock } from "../clock.js";

const GRACE_MS = 1500; // no banner for a stream that reconnects at once
const SHOWN_MS = 6000;

export function startConnection(banner) {
  const lost = new Set();
  let since = null;
  let timer = 0;

  const show = (state, text) => {
    banner.dataset.state = state;
    banner.textContent = text;
  };

  const showLost = () => {
    const at = clock(since);
    show("lost", `The connection was lost at ${at}. This page may be out of date. Reconnecting.`);
  };

  const markLost = (source, graceMs = GRACE_MS) => {
    lost.add(source);
    if (since === null) {
      since = new Date();
      clearTimeout(timer);
      timer = setTimeout(showLost, graceMs);
    }
  };

  const markBack = (source) => {
    lost.delete(source);
    if (lost.size > 0 || since === null) return;
    since = null;
    clearTimeout(timer);
    if (banner.dataset.state !== "lost") return;
    show("back", "The connection is back.");
    timer = setTimeout(() => show("ok", ""), SHOWN_MS);
  };

  addEventListener("offline", () => markLost("network", 0));
  addEventListener("online", () => markBack("network"));
  return { lost: markLost, back: markBack };
}
