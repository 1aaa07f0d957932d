// Show the APIs of both tiers with Swagger UI, in the system's colour scheme.

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);

const OPTIONS = {
  deepLinking: true,
  validatorUrl: null, // else it sends the description to another server
  presets: [window.SwaggerUIBundle.presets.apis],
};

window.SwaggerUIBundle({ ...OPTIONS, url: "/openapi.json", dom_id: "#query-ui" });

// An ingest node has another origin, which this page must not reach: its API can be read, not tried.
async function showIngest() {
  const response = await fetch("/docs/ingest.json");
  if (!response.ok) throw new Error(`status ${response.status}`);
  const spec = await response.json();
  window.SwaggerUIBundle({
    ...OPTIONS,
    spec,
    dom_id: "#ingest-ui",
    supportedSubmitMethods: [],
    defaultModelsExpandDepth: -1, // a second Swagger UI on a page lists the schemas of the first
  });
}

showIngest().catch(() => {
  document.querySelector("#ingest-missing").hidden = false;
});
