// Show changes of status as they happen, newest first.

import { listen } from "./events.js";

const MOST = 100;
const SPOKEN_EVERY_MS = 10000; // a screen reader that reads each of 500 a second reads none
const SVG = "http://www.w3.org/2000/svg";
const number = new Intl.NumberFormat("en");

export function startLive({ connection, onChange, onGap, onName }) {
  const list = document.querySelector("#changes-list");
  const empty = document.querySelector("#changes-empty");
  const pause = document.querySelector("#pause");
  const spoken = document.querySelector("#changes-spoken");
  const late = document.querySelector("#changes-late");
  let waiting = []; // newest last; drawn at the next frame, or when the reader goes on
  let waitingCount = 0;
  let paused = false;
  let drawing = false;
  let unspoken = 0;
  let newest = null;

  function add(row) {
    waiting.push(row);
    waitingCount += 1;
    if (waiting.length > MOST) waiting.shift();
    if (paused) sayPaused();
    else if (!drawing) {
      drawing = true;
      requestAnimationFrame(draw);
    }
  }

  function draw() {
    drawing = false;
    if (paused) return;
    list.prepend(...waiting.reverse().map(drawRow));
    while (list.childElementCount > MOST) list.lastElementChild.remove();
    waiting = [];
    waitingCount = 0;
    empty.hidden = true;
    list.hidden = false;
  }

  function sayPaused() {
    pause.textContent = waitingCount ? `Go on, ${number.format(waitingCount)} new` : "Go on";
  }

  function toggle() {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    if (paused) sayPaused();
    else {
      pause.textContent = "Pause";
      if (waiting.length) draw();
    }
  }

  function speak() {
    if (unspoken === 0 || paused) return;
    const many = unspoken === 1 ? "One change" : `${number.format(unspoken)} changes, the last`;
    spoken.textContent = `${many}: ${newest.domain} is ${newest.status}.`;
    unspoken = 0;
  }

  function noteGap() {
    add({ gap: true, at: new Date() });
    onGap();
  }

  // A refusal says nothing of what happens meanwhile: who has no place to go on from has a gap.
  let gap = false;
  const stream = {
    open() {
      connection.back("changes");
      if (gap) noteGap();
      gap = false;
    },
    message(name, data) {
      const said = JSON.parse(data);
      if (name === "resync") noteGap();
      else if (name === "late") late.hidden = !said.late;
      else {
        unspoken += 1;
        newest = said;
        add({ answer: said, at: new Date() });
        onChange(said);
      }
    },
    refused(goesOn) {
      gap = !goesOn;
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
  setInterval(speak, SPOKEN_EVERY_MS);
  listen("/changes", stream);
}

function drawRow({ answer, gap, at }) {
  const row = document.createElement("li");
  const time = document.createElement("time");
  time.dateTime = at.toISOString();
  time.textContent = at.toLocaleTimeString([], { hour12: false });
  row.append(time);
  if (gap) {
    row.className = "gap";
    row.append(text("span", "Some changes were missed here."));
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
