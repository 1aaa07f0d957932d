// Show /openapi.json by Swagger UI, in the colours that the reader's system has.

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);

window.SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  validatorUrl: null, // it would ask a server elsewhere
  presets: [window.SwaggerUIBundle.presets.apis],
});
