// Say so when the node cannot be reached, and when it can again.

const GRACE_MS = 1500; // a stream that ends and begins again at once is no news
const SAID_MS = 6000;

export function startConnection(banner) {
  const lost = new Set();
  let since = null;
  let timer = 0;

  const show = (state, text) => {
    banner.dataset.state = state;
    banner.textContent = text;
  };

  const sayLost = () => {
    const at = since.toLocaleTimeString();
    show("lost", `The connection was lost at ${at}. What you see may be out of date. Trying again.`);
  };

  const noteLost = (source, graceMs = GRACE_MS) => {
    lost.add(source);
    if (since === null) {
      since = new Date();
      clearTimeout(timer);
      timer = setTimeout(sayLost, graceMs);
    }
  };

  const noteBack = (source) => {
    lost.delete(source);
    if (lost.size > 0 || since === null) return;
    since = null;
    clearTimeout(timer);
    if (banner.dataset.state !== "lost") return;
    show("back", "The connection is back.");
    timer = setTimeout(() => show("ok", ""), SAID_MS);
  };

  addEventListener("offline", () => noteLost("network", 0));
  addEventListener("online", () => noteBack("network"));
  return { lost: noteLost, back: noteBack };
}
