// Show changes of status as they happen, newest first.

import { moment } from "../clock.js";
import { number } from "../numbers.js";
import { followChanges } from "./feed.js";

const MAX_ROWS = 100;
const MAX_KEPT = 1000; // behind the rows, so that choosing a status shows earlier changes
const ANNOUNCE_EVERY_MS = 10000; // a screen reader cannot read 500 changes a second
const SVG = "http://www.w3.org/2000/svg";

export function startChanges({ connection, onChange, onGap, onName }) {
  const list = document.querySelector("#changes-list");
  const empty = document.querySelector("#changes-empty");
  const pause = document.querySelector("#pause");
  const spoken = document.querySelector("#changes-spoken");
  const late = document.querySelector("#changes-late");
  const chosen = document.querySelector("#changes-status");
  let kept = []; // all that was drawn or left out, newest last
  let waiting = []; // newest last; drawn at the next frame in which the list may move
  let waitingCount = 0;
  const noChanges = empty.textContent;
  let paused = false;
  let pointed = false;
  let drawing = false;
  let unannounced = 0;
  let newest = null;

  // The list does not move while it is paused, under the pointer, or read with the keyboard.
  const isHeld = () => paused || pointed || list.matches(":focus-visible, :has(:focus-visible)");

  function enqueue(row) {
    waiting.push(row);
    waitingCount += 1;
    if (waiting.length > MAX_KEPT) waiting.shift();
    drawSoon();
  }

  function drawSoon() {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      if (!isHeld() && waiting.length) draw();
      showHeld();
    });
  }

  function draw() {
    const rows = waiting.filter(isChosen).slice(-MAX_ROWS);
    list.prepend(...rows.reverse().map(drawRow));
    while (list.childElementCount > MAX_ROWS) list.lastElementChild.remove();
    kept = [...kept, ...waiting].slice(-MAX_KEPT);
    waiting = [];
    waitingCount = 0;
    showEmpty();
  }

  const isChosen = ({ answer }) => !answer || !chosen.value || answer.status === chosen.value;

  // Replace the rows; the status that is shown may be another one.
  function replace(rows) {
    kept = rows;
    list.replaceChildren(...kept.filter(isChosen).slice(-MAX_ROWS).reverse().map(drawRow));
    showEmpty();
  }

  function showEmpty() {
    const none = list.childElementCount === 0;
    empty.hidden = !none;
    list.hidden = none;
    empty.textContent = chosen.value && kept.length ? `No change to ${chosen.value} yet.` : noChanges;
  }

  function showHeld() {
    const word = paused ? "Resume" : "Pause";
    pause.textContent = waitingCount ? `${word}, ${number.format(waitingCount)} new` : word;
  }

  function toggle() {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    drawSoon();
  }

  function announce() {
    if (unannounced === 0 || paused) return;
    const many = unannounced === 1 ? "One change" : `${number.format(unannounced)} changes, the last`;
    spoken.textContent = `${many}: ${newest.domain} is ${newest.status}.`;
    unannounced = 0;
  }

  const feed = {
    list(rows) {
      waiting = [];
      waitingCount = 0;
      replace(rows);
      onGap(); // whatever else the page shows may be older than these rows
    },
    change(answer, at) {
      unannounced += 1;
      newest = answer;
      enqueue({ answer, at });
      onChange(answer);
    },
    gap(at) {
      enqueue({ gap: true, at });
      onGap();
    },
    late(isLate) {
      late.hidden = !isLate;
    },
    back: () => connection.back("changes"),
    lost: () => connection.lost("changes"),
  };

  list.addEventListener("click", (event) => {
    const domain = event.target.closest("a")?.textContent;
    if (!domain || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    onName(domain);
    document.querySelector("#lookup").scrollIntoView();
  });
  list.addEventListener("pointerenter", () => (pointed = true));
  list.addEventListener("pointerleave", () => {
    pointed = false;
    drawSoon();
  });
  list.addEventListener("focusout", drawSoon);
  pause.addEventListener("click", toggle);
  chosen.addEventListener("change", () => replace(kept));
  setInterval(announce, ANNOUNCE_EVERY_MS);
  followChanges(feed, () => [...kept, ...waiting].slice(-MAX_KEPT));
}

function drawRow({ answer, gap, at }) {
  const row = document.createElement("li");
  const when = new Date(at);
  const time = text("time", moment(when));
  time.dateTime = when.toISOString();
  time.title = when.toLocaleString();
  row.append(time);
  if (gap) {
    row.className = "gap";
    row.append(text("span", "Some changes are missing here."));
    return row;
  }
  row.dataset.status = answer.status;
  const name = text("a", answer.domain);
  name.href = `/?domain=${encodeURIComponent(answer.domain)}`;
  const counts = `${number.format(answer.delivered)} delivered, ${number.format(answer.bounced)} bounced`;
  row.append(sign(answer.status), name, text("strong", answer.status), text("small", counts));
  return row;
}

function sign(status) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "sign");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#sign-${status.replace(" ", "-")}`);
  svg.append(use);
  return svg;
}

function text(name, content) {
  const element = document.createElement(name);
  element.textContent = content;
  return element;
}
