// Look up many names, pasted or from a file: a thousand at a time, with progress.

import { goodFetch, inWords, patiently } from "../net/refusals.js";
import { number } from "../numbers.js";
import { domainIn, linesOf, namesIn } from "./names.js";
import { startResults } from "./results.js";

const CHUNK = 1000; // the most of one request
const MAX_NAMES = 100_000;
const MAX_FILE_BYTES = 10_000_000;
const LIMIT_MS = 30000;

export function startBulk() {
  const section = document.querySelector("#bulk");
  const form = document.querySelector("#bulk-form");
  const names = document.querySelector("#names");
  const count = document.querySelector("#names-count");
  const submit = form.querySelector("button");
  const problem = document.querySelector("#bulk-problem");
  const chooser = document.querySelector("#names-file");
  const progress = startProgress();
  const results = startResults();
  let running = null; // an AbortController while names are looked up

  function countNames() {
    const found = namesIn(names.value).length;
    const tooMany = Math.max(0, found - MAX_NAMES);
    names.setAttribute("aria-invalid", String(tooMany > 0));
    count.classList.toggle("bad", tooMany > 0);
    submit.disabled = found === 0 || tooMany > 0 || running !== null;
    const named = found === 1 ? "1 name" : `${number.format(found)} names`;
    if (found === 0) count.textContent = "No names yet";
    else if (tooMany > 0) count.textContent = `${named}: ${number.format(tooMany)} too many`;
    else count.textContent = named;
  }

  async function lookUpAll() {
    const typed = namesIn(names.value);
    const { signal } = (running = new AbortController());
    let done = 0;
    problem.textContent = "";
    results.clear();
    countNames();
    try {
      while (done < typed.length) {
        if (typed.length > CHUNK) progress.show(done, typed.length);
        const chunk = typed.slice(done, done + CHUNK);
        results.add(await patiently(() => lookUp(chunk, signal), signal), chunk);
        done += chunk.length;
      }
    } catch (error) {
      const part = `${number.format(done)} of ${number.format(typed.length)} names were looked up.`;
      const where = done > 0 ? part : "No answer at the moment.";
      problem.textContent = signal.aborted ? part : `${where} ${inWords(error)}`;
    }
    progress.hide();
    running = null;
    countNames();
    if (done > 0) results.focus();
  }

  async function readFile(file) {
    problem.textContent = "";
    if (!file) return;
    try {
      if (file.size > MAX_FILE_BYTES) throw new Error("it is larger than 10 MB");
      const text = await file.text();
      if (/[\0\ufffd]/.test(text)) throw new Error("it is not a text file in UTF-8");
      names.value = linesOf(text, file.name);
    } catch (error) {
      problem.textContent = `The file ${file.name} cannot be read: ${error.message}.`;
    }
    countNames();
  }

  names.addEventListener("input", countNames);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (running === null) lookUpAll();
  });
  document.querySelector("#bulk-stop").addEventListener("click", () => running?.abort());
  document.querySelector("#choose-file").addEventListener("click", () => chooser.click());
  chooser.addEventListener("change", () => {
    readFile(chooser.files[0]);
    chooser.value = ""; // the same file may be chosen again
  });
  // A file that is dropped beside the field must not replace the page.
  for (const name of ["dragover", "drop", "dragleave"])
    section.addEventListener(name, (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      section.classList.toggle("takes-file", name === "dragover");
      if (name === "drop") readFile(event.dataTransfer.files[0]);
    });
  countNames(); // a browser may restore the text after a reload
}

async function lookUp(chunk, signal) {
  const response = await goodFetch("/domains", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ domains: chunk.map(domainIn) }),
    limitMs: LIMIT_MS,
    signal,
  });
  return (await response.json()).results;
}

function startProgress() {
  const place = document.querySelector("#bulk-progress");
  const bar = place.querySelector("progress");
  const text = place.querySelector("output");
  return {
    show(done, all) {
      place.hidden = false;
      bar.max = all;
      bar.value = done;
      text.textContent = `${number.format(done)} of ${number.format(all)} names`;
    },
    hide() {
      place.hidden = true;
    },
  };
}
