// The API reference: shows the OpenAPI document, in which calls can be tried with a token that the reader enters.

const dark = window.matchMedia("(prefers-color-scheme: dark)");

function followColorScheme() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

followColorScheme();
dark.addEventListener("change", followColorScheme);

const reference = document.getElementById("reference");
window.SwaggerUIBundle({
  domNode: reference,
  url: reference.dataset.document,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
