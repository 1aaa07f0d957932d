// Show changes of status as they happen, newest first.

import { clock } from "../clock.js";
import { readEvents } from "../net/event_stream.js";

const MAX_ROWS = 100;
const MAX_KEPT = 1000; // behind the rows, so that choosing a status shows earlier changes
const ANNOUNCE_EVERY_MS = 10000; // a screen reader cannot read 500 changes a second
const SVG = "http://www.w3.org/2000/svg";
const number = new Intl.NumberFormat("en");

export function startChanges({ connection, onChange, onGap, onName }) {
  const list = document.querySelector("#changes-list");
  const empty = document.querySelector("#changes-empty");
  const pause = document.querySelector("#pause");
  const spoken = document.querySelector("#changes-spoken");
  const late = document.querySelector("#changes-late");
  const chosen = document.querySelector("#changes-status");
  let kept = []; // all that was drawn or left out, newest last
  let waiting = []; // newest last; drawn at the next frame, or when the reader resumes
  let waitingCount = 0;
  const noChanges = empty.textContent;
  let paused = false;
  let drawing = false;
  let unannounced = 0;
  let newest = null;

  function enqueue(row) {
    waiting.push(row);
    waitingCount += 1;
    if (waiting.length > MAX_ROWS) waiting.shift();
    if (paused) showPaused();
    else if (!drawing) {
      drawing = true;
      requestAnimationFrame(draw);
    }
  }

  function draw() {
    drawing = false;
    if (paused) return;
    list.prepend(...waiting.filter(isChosen).reverse().map(drawRow));
    while (list.childElementCount > MAX_ROWS) list.lastElementChild.remove();
    kept = [...kept, ...waiting].slice(-MAX_KEPT);
    waiting = [];
    waitingCount = 0;
    showEmpty();
  }

  const isChosen = ({ answer }) => !answer || !chosen.value || answer.status === chosen.value;

  function choose() {
    list.replaceChildren(...kept.filter(isChosen).slice(-MAX_ROWS).reverse().map(drawRow));
    showEmpty();
  }

  function showEmpty() {
    const none = list.childElementCount === 0;
    empty.hidden = !none;
    list.hidden = none;
    empty.textContent = chosen.value && kept.length ? `No change to ${chosen.value} yet.` : noChanges;
  }

  function showPaused() {
    pause.textContent = waitingCount ? `Resume, ${number.format(waitingCount)} new` : "Resume";
  }

  function toggle() {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (paused) showPaused();
    else {
      pause.textContent = "Pause";
      if (waiting.length) draw();
    }
  }

  function announce() {
    if (unannounced === 0 || paused) return;
    const many = unannounced === 1 ? "One change" : `${number.format(unannounced)} changes, the last`;
    spoken.textContent = `${many}: ${newest.domain} is ${newest.status}.`;
    unannounced = 0;
  }

  function addGap() {
    enqueue({ gap: true, at: new Date() });
    onGap();
  }

  // While the node refuses the stream, a page without a position misses changes: that is a gap.
  let gap = false;
  const stream = {
    open() {
      connection.back("changes");
      if (gap) addGap();
      gap = false;
    },
    message(name, data) {
      const answer = JSON.parse(data);
      if (name === "resync") addGap();
      else if (name === "late") late.hidden = !answer.late;
      else {
        unannounced += 1;
        newest = answer;
        enqueue({ answer, at: new Date() });
        onChange(answer);
      }
    },
    refused(resumes) {
      gap = !resumes;
    },
    lost() {
      connection.lost("changes");
    },
  };

  list.addEventListener("click", (event) => {
    const domain = event.target.closest("a")?.textContent;
    if (!domain || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    onName(domain);
    document.querySelector("#lookup").scrollIntoView();
  });
  pause.addEventListener("click", toggle);
  chosen.addEventListener("change", choose);
  setInterval(announce, ANNOUNCE_EVERY_MS);
  readEvents("/changes", stream);
}

function drawRow({ answer, gap, at }) {
  const row = document.createElement("li");
  const time = document.createElement("time");
  time.dateTime = at.toISOString();
  time.textContent = clock(at);
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
