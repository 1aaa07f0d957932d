// Download all domains with a status, as CSV.

import { apiFetch, needsKey } from "../net/api_fetch.js";

export function startExport() {
  const form = document.querySelector("#export-form");
  const problem = document.querySelector("#export-problem");
  const button = form.querySelector("button");

  // A browser writes the answer to a form straight to disk, but sends no key with it.
  form.addEventListener("submit", async (event) => {
    problem.textContent = "";
    if (!needsKey()) return;
    event.preventDefault();
    button.disabled = true;
    try {
      const query = new URLSearchParams(new FormData(form));
      const response = await apiFetch(`/domains?${query}`);
      if (!response.ok) throw new Error((await response.json()).detail);
      save(await response.blob(), `${query.get("status").replace(" ", "-")}.csv`);
    } catch (error) {
      const why = error instanceof TypeError ? "The node cannot be reached." : error.message;
      problem.textContent = `No download at the moment. ${why}`;
    }
    button.disabled = false;
  });
}

function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
