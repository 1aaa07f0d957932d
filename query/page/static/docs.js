// Show /openapi.json with Swagger UI, in the system's colour scheme.

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null, // else it sends the description to another server
  presets: [window.SwaggerUIBundle.presets.apis],
});
