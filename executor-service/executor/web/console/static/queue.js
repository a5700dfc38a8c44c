// The queue: moved through by keyboard, and kept up to date.

import { renew } from "/console/assets/live.js";

const links = () => [...document.querySelectorAll("#rows .what a")];

document.addEventListener("keydown", (event) => {
  if (event.target.closest("input, select, textarea") || event.altKey || event.ctrlKey || event.metaKey) return;
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  if (!step) return;
  const all = links();
  const at = all.indexOf(document.activeElement);
  const next = all[Math.min(Math.max(at + step, 0), all.length - 1)];
  if (next) {
    next.focus();
    event.preventDefault();
  }
});

document.getElementById("narrow").addEventListener("formdata", ({ formData }) => {
  // Only what narrows the list stands in its address.
  for (const [name, value] of [...formData]) if (!value) formData.delete(name);
});

setInterval(() => {
  if (!document.hidden) renew(document.getElementById("rows").dataset.refresh);
}, 15000);
